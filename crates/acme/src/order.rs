//! One order: from the names to the certificate.

use std::net::IpAddr;
use std::time::Duration;

use instant_acme::{
    Account, AuthorizationStatus, CertificateIdentifier, ExternalAccountKey, Identifier, NewAccount,
    NewOrder, Order, OrderStatus, RetryPolicy,
};
use rcgen::{CertificateParams, DistinguishedName};

use crate::challenges::{Challenges, Open};
use crate::error::Error;
use crate::event::Event;
use crate::http::Client;
use crate::keeper::off;
use crate::settings::{Challenge, Settings, Wanted};
use crate::store::{self, Store};

/// How often and for how long it is looked whether the authority has done its part.
const POLL: RetryPolicy = RetryPolicy::new()
    .initial_delay(Duration::from_millis(250))
    .backoff(1.5)
    .timeout(Duration::from_secs(180));

/// The account with the authority: the one that there is, or a new one.
pub(crate) async fn account(
    settings: &Settings,
    store: &Store,
    client: Client,
    observer: &(dyn Fn(&Event<'_>) + Send + Sync),
) -> Result<Account, Error> {
    let builder = Account::builder_with_http(Box::new(client));
    let directory = settings.directory.clone();
    let known = match store.account(&directory) {
        Err(Error::File { path, problem }) => {
            let to = store::set_aside(&path)?;
            observer(&Event::SetAside { file: &path, to: &to, problem: &problem });
            None
        }
        known => known?,
    };
    if let Some(mut known) = known {
        let account = builder.from_parts(known.url.clone(), known.key.clone_key(), directory.clone()).await?;
        if known.contacts != settings.contacts {
            let contacts: Vec<&str> = settings.contacts.iter().map(String::as_str).collect();
            account.update_contacts(&contacts).await?;
            known.contacts.clone_from(&settings.contacts);
            keep(store, directory, known).await?;
        }
        return Ok(account);
    }
    let contacts: Vec<&str> = settings.contacts.iter().map(String::as_str).collect();
    let new = NewAccount {
        contact: &contacts,
        terms_of_service_agreed: settings.agreed,
        only_return_existing: false,
    };
    let external = match &settings.external {
        None => None,
        Some((id, key)) => {
            let (id, key) = (id.clone(), key.clone());
            Some(off(move || Ok(ExternalAccountKey::new(id, &key.read()?))).await?)
        }
    };
    let (account, credentials) = builder.create(&new, directory.clone(), external.as_ref()).await?;
    let made = store::Account {
        url: account.id().to_owned(),
        contacts: settings.contacts.clone(),
        key: credentials.private_key().clone_key(),
    };
    keep(store, directory, made).await?;
    Ok(account)
}

async fn keep(store: &Store, directory: String, account: store::Account) -> Result<(), Error> {
    let store = store.clone();
    off(move || store.keep_account(&directory, &account)).await
}

/// Has a certificate made. Gives the key and the chain, PEM.
pub(crate) async fn certificate(
    account: &Account,
    settings: &Settings,
    challenges: &Challenges,
    wanted: &Wanted,
    replaces: Option<CertificateIdentifier<'static>>,
) -> Result<(String, String), Error> {
    let mut order = begin(account, settings, wanted, replaces).await?;
    let open = open(&mut order, settings.challenge, challenges).await?;
    let ready = order.poll_ready(&POLL).await.map_err(Error::from);
    drop(open);
    match ready {
        Ok(OrderStatus::Ready) => {}
        Ok(_) => return Err(why(&mut order).await.unwrap_or(Error::Answer("the order is invalid".into()))),
        Err(error @ Error::Refused(_)) => return Err(why(&mut order).await.unwrap_or(error)),
        Err(error) => return Err(error),
    }
    let (kind, names) = (settings.key, wanted.names().to_vec());
    let (key, request) = off(move || {
        let key = kind.generate()?;
        let mut params = CertificateParams::new(names).map_err(Error::library)?;
        params.distinguished_name = DistinguishedName::new();
        let request = params.serialize_request(&key).map_err(Error::library)?;
        Ok((key.serialize_pem(), request))
    })
    .await?;
    order.finalize_csr(request.der()).await?;
    Ok((key, order.poll_certificate(&POLL).await?))
}

async fn begin(
    account: &Account,
    settings: &Settings,
    wanted: &Wanted,
    replaces: Option<CertificateIdentifier<'static>>,
) -> Result<Order, Error> {
    let identifier = |name: &String| match name.parse::<IpAddr>() {
        Ok(address) => Identifier::Ip(address),
        Err(_) => Identifier::Dns(name.clone()),
    };
    let identifiers: Vec<Identifier> = wanted.names().iter().map(identifier).collect();
    let plain = || {
        let order = NewOrder::new(&identifiers);
        match &settings.profile {
            Some(profile) => order.profile(profile),
            None => order,
        }
    };
    if let Some(replaces) = replaces {
        match account.new_order(&plain().replaces(replaces)).await {
            Err(instant_acme::Error::Unsupported(_)) => {}
            Err(error) => {
                let error = Error::from(error);
                if !error.may_be_for_replacement() {
                    return Err(error);
                }
            }
            Ok(order) => return Ok(order),
        }
    }
    Ok(account.new_order(&plain()).await?)
}

/// Opens the challenges of an order, and tells the authority that it may look for them.
async fn open(order: &mut Order, kind: Challenge, challenges: &Challenges) -> Result<Vec<Open>, Error> {
    let mut open = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        match authorization.status {
            AuthorizationStatus::Valid => continue,
            AuthorizationStatus::Pending => {}
            other => {
                return Err(Error::Answer(format!(
                    "the authorization of a new order has the status {other:?}"
                )));
            }
        }
        let name = authorization.identifier().to_string();
        let Some(mut challenge) = authorization.challenge(kind.kind()) else {
            return Err(Error::NotOffered { challenge: kind.as_str(), name });
        };
        let answer = challenge.key_authorization();
        open.push(match kind {
            Challenge::Http01 => challenges.open_http(&challenge.token, &answer),
            Challenge::TlsAlpn01 => challenges.open_tls(challenge.identifier().identifier, &answer)?,
        });
        challenge.set_ready().await?;
    }
    Ok(open)
}

/// Why an order is invalid: what its authorizations say.
async fn why(order: &mut Order) -> Option<Error> {
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        authorization.refresh().await.ok()?;
        let name = authorization.identifier().to_string();
        if let Some(problem) = authorization.challenges.iter().find_map(|challenge| challenge.error.clone()) {
            return Some(Error::Unvalidated { name, problem });
        }
    }
    None
}
