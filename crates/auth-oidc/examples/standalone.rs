//! A page for those who have logged in: `cargo run -p propylon-auth-oidc --example standalone -- LISTEN ISSUER CLIENT_ID [SECRET]`, with a
//! provider on this machine: its issuer is `http://HOST:PORT`. In the real world the client that asks it speaks TLS, and verifies it.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1 as client;
use hyper::server::conn::http1 as server;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use propylon_auth_oidc::{AuthOidcLayer, Kept, Provider, RelyingParty, Session};
use tokio::net::{TcpListener, TcpStream};
use tower::{Layer, service_fn};

type Error = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let mut args = std::env::args().skip(1);
    let mut next = || args.next().ok_or("usage: standalone LISTEN ISSUER CLIENT_ID [SECRET]");
    let (listen, mut provider) = (next()?, Provider::new(next()?, next()?).logout_uri("/logout"));
    if let Ok(secret) = next() {
        provider = provider.client_secret(secret);
    }
    let party = RelyingParty::new(provider, Kept::in_memory()?, service_fn(ask));
    let service =
        AuthOidcLayer::new(party).layer(service_fn(|request: Request<hyper::body::Incoming>| async move {
            Ok::<_, Infallible>(Response::new(page(&request)))
        }));
    let listener = TcpListener::bind(listen).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let service = TowerToHyperService::new(service.clone());
        tokio::spawn(server::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

fn page<B>(request: &Request<B>) -> Full<Bytes> {
    let session = request.extensions().get::<Arc<Session>>();
    let subject = session.and_then(|session| session.claim("sub")).unwrap_or_default();
    Full::from([b"you are ", &*subject, b"\n"].concat())
}

/// Asks a provider, over a connection for each question.
async fn ask(request: Request<Bytes>) -> Result<Response<Bytes>, Error> {
    let (mut parts, body) = request.into_parts();
    let authority = parts.uri.authority().ok_or("no host")?.clone();
    parts.headers.insert("host", HeaderValue::from_str(authority.as_str())?);
    parts.uri = parts.uri.path_and_query().map_or("/", |path| path.as_str()).parse()?;
    let socket = TcpStream::connect((authority.host(), authority.port_u16().unwrap_or(80))).await?;
    let (mut sender, connection) = client::handshake(TokioIo::new(socket)).await?;
    tokio::spawn(connection);
    let answer = sender.send_request(Request::from_parts(parts, Full::new(body))).await?;
    let (parts, body) = answer.into_parts();
    #[expect(clippy::disallowed_methods, reason = "it is limited")]
    let body = Limited::new(body, 1 << 20).collect().await?;
    Ok(Response::from_parts(parts, body.to_bytes()))
}
