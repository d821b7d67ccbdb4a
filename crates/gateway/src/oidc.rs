//! OpenID providers: what is known of them, and who has logged in there. Shared by the workers, kept over reloads.

mod client;
mod zone;

use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use propylon_auth_oidc::{Kept, Memory, Provider, RelyingParty, Store};
use propylon_config::{self as config, Action, Config, OidcProvider};

use crate::explain::comes_back;
use crate::runtime::Runtime;

use client::Client;
use zone::InZone;

/// Our end of what is spoken with one provider.
pub(crate) type Party = RelyingParty<Client>;

/// All of them.
#[derive(Default)]
pub(crate) struct Oidc(Mutex<Vec<Known>>);

/// One, and as which it was made.
struct Known {
    config: Arc<OidcProvider>,
    resolver: config::Resolver,
    party: Party,
    /// Whether it is of a configuration that was in force.
    used: bool,
}

impl Oidc {
    /// Opens those of a configuration that are not open yet. Zones and TLS have been before.
    pub(crate) fn open(&self, runtime: &Runtime, config: &Config) -> io::Result<()> {
        report_lost(config);
        let mut all = self.0.lock();
        // Of a configuration that was refused: the zone that one has is not that of the next.
        all.retain(|known| known.used);
        for wanted in config.oidc_providers.values() {
            if all.iter().any(|known| known.is(wanted, &config.resolver)) {
                continue;
            }
            let before = all.iter().find(|known| same(&known.config, wanted));
            let kept = match before {
                Some(before) => before.party.kept().clone(),
                None => Kept::new(store(runtime, wanted))?,
            };
            let security = runtime.tls.security(&wanted.tls);
            let client = Client::new(security, runtime.names.resolver(&config.resolver));
            let party = RelyingParty::new(provider(wanted), kept, client);
            let resolver = config.resolver.clone();
            all.push(Known { config: wanted.clone(), resolver, party, used: false });
        }
        Ok(())
    }

    /// That of a provider which is open.
    pub(crate) fn party(&self, wanted: &OidcProvider, resolver: &config::Resolver) -> Option<Party> {
        self.0.lock().iter().find(|known| known.is(wanted, resolver)).map(|known| known.party.clone())
    }

    /// This configuration is in force: others are forgotten.
    pub(crate) fn put_to_use(&self, config: &Config) {
        self.0.lock().retain_mut(|known| {
            known.used = config.oidc_providers.values().any(|wanted| known.is(wanted, &config.resolver));
            known.used
        });
    }
}

impl Known {
    fn is(&self, wanted: &OidcProvider, resolver: &config::Resolver) -> bool {
        *self.config == *wanted && self.resolver == *resolver
    }
}

/// Whether sessions of one are sessions of the other.
fn same(one: &OidcProvider, other: &OidcProvider) -> bool {
    let zone = |provider: &OidcProvider| {
        provider.session_store.as_ref().map(|zone| (zone.name.clone(), zone.state.clone()))
    };
    (&one.name, &one.issuer, &one.client_id, zone(one))
        == (&other.name, &other.issuer, &other.client_id, zone(other))
}

/// Says where nobody takes back those who are sent to log in: the way of rewrites is not known here, so that is no error.
fn report_lost(config: &Config) {
    for server in &config.servers {
        let mut told: Vec<&str> = Vec::new();
        for location in config::locations(&server.locations) {
            let Some(provider) = location.settings.auth_oidc.as_ref() else { continue };
            if told.contains(&&*provider.name) || matches!(location.action, Action::Return(_)) {
                continue;
            }
            told.push(&provider.name);
            if let Ok(None) = comes_back(server, provider) {
                tracing::warn!(
                    target: "propylon_gateway",
                    "no location with auth_oidc \"{}\" handles its redirect URI {} in the server at {}",
                    provider.name,
                    provider.callback(),
                    config.source.line_of(server.span)
                );
            }
        }
    }
}

fn store(runtime: &Runtime, wanted: &OidcProvider) -> Arc<dyn Store> {
    let zone = wanted.session_store.as_ref().and_then(|zone| runtime.keyvals.zone(zone));
    match zone {
        Some((zone, file)) => Arc::new(InZone::new(zone, file, &wanted.issuer, &wanted.client_id)),
        None => Arc::new(Memory::default()),
    }
}

fn provider(config: &OidcProvider) -> Provider {
    let mut provider = Provider::new(&*config.issuer, &*config.client_id)
        .cookie_name(&**config.cookie_name)
        .redirect_uri(&*config.redirect_uri)
        .logout_token_hint(config.logout_token_hint)
        .scope(&config.scope.join(" "))
        .session_timeout(config.session_timeout)
        .userinfo(config.userinfo);
    if let Some(secret) = &config.client_secret {
        provider = provider.client_secret(secret.reveal());
    }
    if let Some(url) = &config.config_url {
        provider = provider.config_url(&**url);
    }
    if let Some(arguments) = &config.extra_auth_args {
        provider = provider.extra_auth_args(&**arguments);
    }
    if let Some(path) = &config.logout_uri {
        provider = provider.logout_uri(&**path);
    }
    if let Some(uri) = &config.post_logout_uri {
        provider = provider.post_logout_uri(&**uri);
    }
    if let Some(path) = &config.frontchannel_logout_uri {
        provider = provider.frontchannel_logout_uri(&**path);
    }
    if let Some(pkce) = config.pkce {
        provider = provider.pkce(pkce);
    }
    provider
}
