//! Requests to an authority: one connection each, for there are few of them.

use std::fs;
use std::future::Future;
use std::pin::{Pin, pin};
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, RETRY_AFTER};
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::{BodyExt, Full, Limited};
use httpdate::HttpDate;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use instant_acme::{BodyWrapper, BytesResponse, HttpClient};
use parking_lot::Mutex;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::error::Error;
use crate::settings::Settings;
use crate::{now, provider};

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long an answer may be: a chain of certificates is the longest.
const MOST: usize = 1 << 20;

/// Until when an authority does not want to be asked, if it has said so.
#[derive(Clone, Debug, Default)]
pub(crate) struct Patience(Arc<Mutex<Option<SystemTime>>>);

impl Patience {
    pub(crate) fn take(&self) -> Option<SystemTime> {
        self.0.lock().take()
    }
}

/// The client of one authority.
#[derive(Clone)]
pub(crate) struct Client {
    tls: TlsConnector,
    pub(crate) patience: Patience,
}

impl Client {
    pub(crate) fn new(settings: &Settings) -> Result<Self, Error> {
        let mut roots = RootCertStore::empty();
        match &settings.trusted {
            None => {
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
                if roots.is_empty() {
                    return Err(Error::Setting("the system has no trusted certificates".into()));
                }
            }
            Some(path) => {
                let pem = fs::read(path).map_err(Error::io(path))?;
                for certificate in CertificateDer::pem_slice_iter(&pem) {
                    let certificate = certificate.map_err(|error| Error::file(path, &error))?;
                    roots.add(certificate).map_err(|error| Error::file(path, &error))?;
                }
                if roots.is_empty() {
                    return Err(Error::file(path, &"no certificate found"));
                }
            }
        }
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(Error::library)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { tls: TlsConnector::from(Arc::new(config)), patience: Patience::default() })
    }

    async fn send(self, request: Request<BodyWrapper<Bytes>>) -> Result<Response<Full<Bytes>>, Error> {
        let answer = tokio::time::timeout(PATIENCE, self.exchange(request));
        let response = answer.await.map_err(|_| Error::Timeout)??;
        let status = response.status();
        if status.is_client_error() || status.is_server_error() {
            let after = response.headers().get(RETRY_AFTER).and_then(|value| retry_after(value, now()));
            *self.patience.0.lock() = after;
            let is_problem = |value: &HeaderValue| value.as_bytes().starts_with(b"application/problem+json");
            if !response.headers().get(CONTENT_TYPE).is_some_and(is_problem) {
                return Err(Error::Status(status));
            }
        }
        Ok(response)
    }

    async fn exchange(&self, request: Request<BodyWrapper<Bytes>>) -> Result<Response<Full<Bytes>>, Error> {
        let (host, port, request) = ready(request)?;
        let name = ServerName::try_from(host.clone()).map_err(Error::library)?;
        let unreachable = |error: std::io::Error| Error::Unreachable(format!("{host}:{port}: {error}"));
        let socket = TcpStream::connect((&*host, port)).await.map_err(unreachable)?;
        let stream = self.tls.connect(name, socket).await.map_err(unreachable)?;
        let broken = |error: hyper::Error| Error::Unreachable(format!("{host}:{port}: {error}"));
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        let mut exchange = pin!(async move {
            let (parts, body) = sender.send_request(request).await.map_err(broken)?.into_parts();
            #[expect(clippy::disallowed_methods, reason = "it is limited")]
            let body = Limited::new(body, MOST).collect().await;
            let body = body.map_err(|error| Error::Answer(error.to_string()))?.to_bytes();
            Ok(Response::from_parts(parts, Full::new(body)))
        });
        // One task does for both: the connection goes on while the answer is waited for.
        tokio::select! {
            done = &mut exchange => return done,
            _ = connection => {}
        }
        exchange.await
    }
}

impl HttpClient for Client {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, instant_acme::Error>> + Send>> {
        let client = self.clone();
        Box::pin(async move {
            let sent = client.send(request).await;
            sent.map(BytesResponse::from).map_err(|error| instant_acme::Error::Other(Box::new(error)))
        })
    }
}

type Ready = (String, u16, Request<BodyWrapper<Bytes>>);

/// Where a request goes, and the request as HTTP/1.1 writes it.
fn ready(mut request: Request<BodyWrapper<Bytes>>) -> Result<Ready, Error> {
    let uri = request.uri().clone();
    let (Some("https"), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(Error::Answer(format!("\"{uri}\" is not an https:// URL")));
    };
    let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
    let value = HeaderValue::from_str(authority.as_str()).map_err(Error::library)?;
    request.headers_mut().insert(HOST, value);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = Uri::from_str(path).map_err(Error::library)?;
    Ok((host, authority.port_u16().unwrap_or(443), request))
}

/// When a field says that it may be tried again: after so many seconds, or at a date.
fn retry_after(value: &HeaderValue, now: SystemTime) -> Option<SystemTime> {
    let text = value.to_str().ok()?.trim();
    match text.parse() {
        Ok(seconds) => now.checked_add(Duration::from_secs(seconds)),
        Err(_) => HttpDate::from_str(text).ok().map(SystemTime::from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(url: &str) -> Request<BodyWrapper<Bytes>> {
        Request::builder().uri(url).body(BodyWrapper::default()).unwrap()
    }

    #[test]
    fn requests_are_written_in_the_form_of_origins() {
        for (url, host, port, path) in [
            ("https://ca.test/a?b=c", "ca.test", 443, "/a?b=c"),
            ("https://ca.test:14000", "ca.test", 14000, "/"),
            ("https://[::1]:1/x", "::1", 1, "/x"),
        ] {
            let (found, at, request) = ready(request(url)).unwrap();
            assert_eq!((&*found, at, request.uri().to_string().as_str()), (host, port, path), "{url}");
        }
        assert!(ready(request("http://ca.test/")).is_err(), "nothing is sent in the clear");
        assert!(ready(request("/x")).is_err());
    }

    #[test]
    fn an_authority_may_ask_for_patience() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let check = |text: &str, expected: Option<u64>| {
            let value = HeaderValue::from_str(text).unwrap();
            let expected = expected.map(|seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
            assert_eq!(retry_after(&value, now), expected, "{text}");
        };
        check("120", Some(1_000_120));
        check(" 5 ", Some(1_000_005));
        check("Mon, 12 Jan 1970 13:46:41 GMT", Some(1_000_001));
        check("soon", None);
        check("-1", None);
        check("18446744073709551615", None);
    }
}
