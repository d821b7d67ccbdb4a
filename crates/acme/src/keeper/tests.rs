//! With an authority that only says when it wants certificates renewed: the others here have none to ask.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use instant_acme::Key;
use propylon_testkit::certificates::{Authority, file};
use rcgen::{CertificateParams, KeyPair};
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;

const DAY: u64 = 86_400;

/// What is answered to a path and a body.
type Answer = fn(&str, &str, SocketAddr) -> Response<Full<Bytes>>;

/// A server that answers each request so.
#[expect(clippy::disallowed_methods, reason = "bodies are bounded by `Limited`")]
async fn serve(root: &Authority, answer: Answer) -> SocketAddr {
    let identity = root.server(&["127.0.0.1"]);
    let chain = CertificateDer::pem_slice_iter(identity.chain.as_bytes()).collect::<Result<_, _>>();
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).expect("a key");
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain.expect("certificates"), key)
        .expect("an identity");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let at = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.expect("a client");
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let service = service_fn(move |request: Request<Incoming>| async move {
                    let (head, body) = request.into_parts();
                    let body = Limited::new(body, 1 << 16).collect().await.expect("a body").to_bytes();
                    Ok::<_, Infallible>(answer(head.uri.path(), &String::from_utf8_lossy(&body), at))
                });
                let Ok(stream) = acceptor.accept(socket).await else { return };
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    at
}

fn json(text: String) -> Response<Full<Bytes>> {
    Response::builder().header(CONTENT_TYPE, "application/json").body(Full::from(text)).expect("a response")
}

/// A directory.
fn urls(at: SocketAddr) -> Response<Full<Bytes>> {
    let urls = ["newNonce", "newAccount", "newOrder", "renewalInfo"];
    let urls = urls.map(|name| format!("\"{name}\": \"https://{at}/{name}\""));
    json(format!("{{{}}}", urls.join(",")))
}

/// A keeper whose state has an account, and a certificate of 90 days that began 10 days ago.
async fn keeper(directory: &Path, answer: Answer) -> (Keeper, Wanted) {
    let root = Authority::root("Directory");
    let ca = file(directory, "ca.pem", &root.certificate);
    let at = serve(&root, answer).await;
    let settings =
        Settings::new(format!("https://{at}/dir"), directory.join("state")).trusted_certificate(ca);
    let wanted = Wanted::new(["a.test"]).expect("a name");
    let store = Store::new(&settings);
    store.prepare().expect("directories");
    let (_, key) = Key::generate_pkcs8().expect("a key");
    let account = store::Account { url: format!("https://{at}/account/1"), contacts: Vec::new(), key };
    store.keep_account(settings.directory(), &account).expect("an account");

    let (key, mut params) =
        (KeyPair::generate().expect("a key"), CertificateParams::new(["a.test".to_owned()]).expect("names"));
    params.use_authority_key_identifier_extension = true;
    params.not_before = (now() - Duration::from_secs(10 * DAY)).into();
    params.not_after = (now() + Duration::from_secs(80 * DAY)).into();
    let issuer = rcgen::Issuer::new(CertificateParams::default(), KeyPair::generate().expect("a key"));
    let certificate = params.signed_by(&key, &issuer).expect("a certificate").pem();
    let text = Stored::text(settings.directory(), &key.serialize_pem(), &certificate);
    store::write(&store.certificate(&wanted), text.as_bytes()).expect("a file");
    let keeper = Keeper::builder(settings).observer(|event| panic!("{event}")).build();
    keeper.keep([wanted.clone()]);
    (keeper, wanted)
}

fn days_until_next(keeper: &Keeper) -> u64 {
    let next = keeper.status().first().expect("it is kept").next;
    next.duration_since(now()).unwrap_or_default().as_secs() / DAY
}

#[tokio::test]
async fn an_authority_may_want_it_sooner() {
    fn answer(path: &str, _: &str, at: SocketAddr) -> Response<Full<Bytes>> {
        if path == "/dir" {
            return urls(at);
        }
        // By the identifier that RFC 9773 4.1 makes of the certificate.
        let id = path.strip_prefix("/renewalInfo/").expect("a question for times");
        assert_eq!(id.split('.').count(), 2, "{id}");
        let date = |days: u64| {
            let at = jiff::Timestamp::try_from(now() + Duration::from_secs(days * DAY));
            at.expect("a time").strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
        };
        let window = format!("\"start\": \"{}\", \"end\": \"{}\"", date(20), date(22));
        let mut response = json(format!("{{\"suggestedWindow\": {{{window}}}}}"));
        response.headers_mut().insert(RETRY_AFTER, http::HeaderValue::from_static("3600"));
        response
    }
    let directory = tempfile::tempdir().expect("a directory");
    let (keeper, wanted) = keeper(directory.path(), answer).await;
    assert!((47..=50).contains(&days_until_next(&keeper)), "{}", days_until_next(&keeper));
    assert!(keeper.certificates().get("A.test").is_some() && keeper.certificates().get("b.test").is_none());
    keeper.0.ask(&wanted).await;
    assert!((18..=22).contains(&days_until_next(&keeper)), "{}", days_until_next(&keeper));
}

#[tokio::test]
async fn an_authority_may_have_nothing_to_say() {
    let directory = tempfile::tempdir().expect("a directory");
    let (keeper, wanted) = keeper(directory.path(), |_, _, _| {
        let mut response = json("busy".into());
        *response.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
        response
    })
    .await;
    keeper.0.ask(&wanted).await;
    assert!((47..=50).contains(&days_until_next(&keeper)), "by the lifetime alone");
}

/// The certificate may be of an account that there was before, which nobody can replace any more.
#[tokio::test]
async fn what_may_not_be_replaced_is_ordered_all_the_same() {
    fn answer(path: &str, body: &str, at: SocketAddr) -> Response<Full<Bytes>> {
        if path == "/dir" {
            return urls(at);
        }
        let payload = body.split_once("\"payload\":\"").and_then(|(_, rest)| rest.split_once('"'));
        let payload = URL_SAFE_NO_PAD.decode(payload.unwrap_or_default().0).expect("base64url");
        // Who asks without it gets so far as to hear another reason.
        let kind = match String::from_utf8_lossy(&payload).contains("\"replaces\"") {
            true => "unauthorized",
            false => "rejectedIdentifier",
        };
        let mut response = json(format!("{{\"type\": \"urn:ietf:params:acme:error:{kind}\"}}"));
        if path == "/newOrder" {
            *response.status_mut() = http::StatusCode::FORBIDDEN;
            let problem = http::HeaderValue::from_static("application/problem+json");
            response.headers_mut().insert(CONTENT_TYPE, problem);
        }
        response.headers_mut().insert("replay-nonce", http::HeaderValue::from_static("bm9uY2U"));
        response
    }
    let directory = tempfile::tempdir().expect("a directory");
    let (keeper, wanted) = keeper(directory.path(), answer).await;
    let client = Client::new(keeper.settings()).expect("a client");
    let error = keeper.0.order(&wanted, client).await.expect_err("a refusal").to_string();
    assert!(error.contains("rejectedIdentifier"), "{error}");
}
