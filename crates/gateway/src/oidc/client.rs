//! What asks a provider: a connection for each question, for there are few of them.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, USER_AGENT};
use http::{HeaderValue, Method, Request, Response, Uri};
use http_body_util::{BodyExt, Limited};
use propylon_resolver::Resolver;
use propylon_stack::{Body, BoxError};
use propylon_upstream::{
    AttemptClass, Client as Upstream, Error, Keepalive, Peer, Pool, ServerName, Target, Transport,
};
use tower_service::Service;

use crate::tls::Security;

/// How long a question may take, all of it.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(5);

/// How long an answer may be: sets of keys are the longest.
const MOST: usize = 1 << 20;

/// Asks over TLS, and nobody but who has shown a certificate for the name.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    security: Option<Security>,
    resolver: Option<Resolver>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("\"{0}\" is not an https:// URL")]
    Url(Uri),
    #[error("TLS to the OpenID provider is not available")]
    Tls,
    #[error("host not found: \"{0}\"")]
    Host(String),
    #[error("no answer within {PATIENCE:?}")]
    Timeout,
}

impl Client {
    pub(super) const fn new(security: Option<Security>, resolver: Option<Resolver>) -> Self {
        Self { security, resolver }
    }

    async fn ask(self, request: Request<Bytes>) -> Result<Response<Bytes>, BoxError> {
        let (host, port) = place(request.uri()).ok_or_else(|| Failed::Url(request.uri().clone()))?;
        let security = self.security.clone().ok_or(Failed::Tls)?;
        let transport = Transport::new().connect_timeout(CONNECT).secure(Some(security));
        let client = Upstream::new(Pool::new(Keepalive::off()), transport);
        let mut failed = Failed::Host(host.clone()).into();
        for ip in self.addresses(&host, port).await? {
            let peer = Peer::from(SocketAddr::new(ip, port));
            match client.send(&peer, ready(&request, &host)?).await {
                Ok(answer) => return whole(answer).await,
                Err(error) => {
                    let unconnected = error
                        .downcast_ref::<Error>()
                        .is_some_and(|error| error.class() == AttemptClass::NotConnected);
                    if !unconnected {
                        return Err(error);
                    }
                    failed = error;
                }
            }
        }
        Err(failed)
    }

    async fn addresses(&self, host: &str, port: u16) -> Result<Vec<IpAddr>, BoxError> {
        if let Ok(ip) = host.parse() {
            return Ok(vec![ip]);
        }
        match &self.resolver {
            Some(resolver) => Ok(resolver.lookup(host).await?),
            None => Ok(tokio::net::lookup_host((host, port)).await?.map(|found| found.ip()).collect()),
        }
    }
}

/// Host and port of a URL; nothing is sent in the clear.
fn place(uri: &Uri) -> Option<(String, u16)> {
    let authority = uri.authority().filter(|_| uri.scheme_str() == Some("https"))?;
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    (!host.is_empty()).then(|| (host.to_owned(), authority.port_u16().unwrap_or(443)))
}

/// The request as an upstream gets it.
fn ready(request: &Request<Bytes>, host: &str) -> Result<Request<Body>, BoxError> {
    let uri = request.uri();
    let authority =
        uri.authority().map(|authority| authority.as_str().rsplit('@').next().unwrap_or_default());
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let mut ready = Request::new(Body::from(request.body().clone()));
    ready.method_mut().clone_from(request.method());
    ready.headers_mut().clone_from(request.headers());
    let headers = ready.headers_mut();
    headers.insert(HOST, HeaderValue::from_str(authority.unwrap_or_default())?);
    headers.insert(USER_AGENT, HeaderValue::from_static("propylon"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    if request.method() != Method::GET {
        headers.insert(CONTENT_LENGTH, request.body().len().into());
    }
    ready.extensions_mut().insert(Target(Bytes::copy_from_slice(target.as_bytes())));
    ready.extensions_mut().insert(ServerName(host.into()));
    Ok(ready)
}

async fn whole(answer: Response<propylon_upstream::Body>) -> Result<Response<Bytes>, BoxError> {
    let (parts, body) = answer.into_parts();
    #[expect(clippy::disallowed_methods, reason = "it is limited")]
    let body = Limited::new(body, MOST).collect().await?;
    Ok(Response::from_parts(parts, body.to_bytes()))
}

impl Service<Request<Bytes>> for Client {
    type Response = Response<Bytes>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Bytes>, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let answer = tokio::time::timeout(PATIENCE, self.clone().ask(request));
        Box::pin(async move { answer.await.unwrap_or_else(|_| Err(Failed::Timeout.into())) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        for (url, found) in [
            ("https://id.test/a", Some(("id.test", 443))),
            ("https://id.test:8443/a?b", Some(("id.test", 8443))),
            ("https://[::1]:1/", Some(("::1", 1))),
            ("http://id.test/", None),
            ("/a", None),
        ] {
            let expected = found.map(|(host, port)| (host.to_owned(), port));
            assert_eq!(place(&url.parse().unwrap()), expected, "{url}");
        }
        let request =
            Request::post("https://user@id.test:8443/a?b=c").body(Bytes::from_static(b"d=e")).unwrap();
        let ready = ready(&request, "id.test").unwrap();
        assert_eq!(
            (&ready.headers()["host"], &ready.headers()["content-length"]),
            (&"id.test:8443".parse().unwrap(), &"3".parse().unwrap())
        );
        assert_eq!(ready.extensions().get(), Some(&Target("/a?b=c".into())));
    }
}
