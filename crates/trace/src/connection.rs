//! The connection to a collector: one at a time, kept for as long as it lasts.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HOST, TE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, Response, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use crate::answer::{self, Taken};
use crate::{Error, Protocol, Settings};

/// How long an answer may be.
const MOST: usize = 64 << 10;

const AGENT: HeaderValue = HeaderValue::from_static(concat!("propylon-trace/", env!("CARGO_PKG_VERSION")));

/// Sends batches.
#[derive(Debug)]
pub(crate) struct Collector {
    settings: Arc<Settings>,
    open: Option<Open>,
}

/// A connection, until this is dropped.
#[derive(Debug)]
struct Open {
    sender: Sender,
    driver: JoinHandle<()>,
}

#[derive(Debug)]
enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

impl Drop for Open {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Collector {
    pub(crate) fn new(settings: Arc<Settings>) -> Self {
        Self { settings, open: None }
    }

    /// Sends a batch, on the connection that is kept or on a new one. Whoever gives up before the end is to call [`close`](Self::close).
    pub(crate) async fn send(&mut self, message: &Bytes) -> Result<Taken, Error> {
        let kept = self.open.take();
        let was_kept = kept.is_some();
        let mut open = match kept {
            Some(open) => open,
            None => Open::connect(&self.settings).await?,
        };
        let mut sent = open.exchange(&self.settings, message).await;
        if was_kept && matches!(sent, Err(Error::Unreachable(_))) {
            // The collector had closed it: not its fault.
            open = Open::connect(&self.settings).await?;
            sent = open.exchange(&self.settings, message).await;
        }
        if !matches!(sent, Err(Error::Unreachable(_) | Error::Answer(_))) {
            self.open = Some(open);
        }
        sent
    }

    /// Whatever it is in the middle of.
    pub(crate) fn close(&mut self) {
        self.open = None;
    }
}

impl Open {
    async fn connect(settings: &Settings) -> Result<Self, Error> {
        let at = (&*settings.host, settings.port);
        let socket = TcpStream::connect(at).await.map_err(unreachable)?;
        let _ = socket.set_nodelay(true); // it is sent all the same
        if !settings.secure {
            return Self::shake_hands(settings, socket).await;
        }
        let name = ServerName::try_from(settings.host.clone()).map_err(unreachable)?;
        // The system's certificates are many files.
        let own = settings.clone();
        let client = tokio::task::spawn_blocking(move || client(&own)).await.map_err(unreachable)??;
        let tls = TlsConnector::from(Arc::new(client));
        Self::shake_hands(settings, tls.connect(name, socket).await.map_err(unreachable)?).await
    }

    async fn shake_hands<T>(settings: &Settings, stream: T) -> Result<Self, Error>
    where
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let io = TokioIo::new(stream);
        Ok(match settings.protocol {
            Protocol::HttpProtobuf => {
                let (sender, connection) = http1::handshake(io).await.map_err(unreachable)?;
                // How it ends is told to whoever waits for an answer.
                let driver = tokio::spawn(async move { drop(connection.await) });
                Self { sender: Sender::Http1(sender), driver }
            }
            Protocol::Grpc => {
                let (sender, connection) =
                    http2::handshake(TokioExecutor::new(), io).await.map_err(unreachable)?;
                let driver = tokio::spawn(async move { drop(connection.await) });
                Self { sender: Sender::Http2(sender), driver }
            }
        })
    }

    async fn exchange(&mut self, settings: &Settings, message: &Bytes) -> Result<Taken, Error> {
        let request = request(settings, message)?;
        let response = match &mut self.sender {
            Sender::Http1(sender) => {
                sender.ready().await.map_err(unreachable)?;
                sender.send_request(request).await
            }
            Sender::Http2(sender) => {
                sender.ready().await.map_err(unreachable)?;
                sender.send_request(request).await
            }
        };
        let (head, body, trailers) = whole(response.map_err(unreachable)?).await?;
        #[expect(clippy::disallowed_methods, reason = "no request waits for it")]
        let now = SystemTime::now();
        match settings.protocol {
            Protocol::HttpProtobuf => answer::http(head.status, &head.headers, body, now),
            Protocol::Grpc => answer::grpc(head.status, &head.headers, trailers.as_ref(), body, now),
        }
    }
}

type Whole = (http::response::Parts, Bytes, Option<HeaderMap>);

async fn whole(response: Response<Incoming>) -> Result<Whole, Error> {
    let (head, body) = response.into_parts();
    #[expect(clippy::disallowed_methods, reason = "it is limited")]
    let body = Limited::new(body, MOST).collect().await;
    let body = body.map_err(|error| match error.downcast::<hyper::Error>() {
        Ok(broken) => unreachable(broken),
        Err(error) => Error::Answer(error.to_string()),
    })?;
    let trailers = body.trailers().cloned();
    Ok((head, body.to_bytes(), trailers))
}

fn request(settings: &Settings, message: &Bytes) -> Result<Request<Full<Bytes>>, Error> {
    let wrong = |error: http::Error| Error::Answer(error.to_string()); // settings are checked when they are made
    let builder = Request::post(match settings.protocol {
        Protocol::HttpProtobuf => Uri::try_from(&settings.path).map_err(|error| wrong(error.into()))?,
        // HTTP/2 has a URL in parts.
        Protocol::Grpc => Uri::builder()
            .scheme(if settings.secure { "https" } else { "http" })
            .authority(settings.authority())
            .path_and_query(&*settings.path)
            .build()
            .map_err(wrong)?,
    });
    let builder = builder.header(USER_AGENT, AGENT);
    let builder = match settings.protocol {
        Protocol::HttpProtobuf => {
            builder.header(HOST, settings.authority()).header(CONTENT_TYPE, "application/x-protobuf")
        }
        Protocol::Grpc => builder.header(CONTENT_TYPE, "application/grpc").header(TE, "trailers"),
    };
    let body = match settings.protocol {
        Protocol::HttpProtobuf => message.clone(),
        Protocol::Grpc => answer::framed(message, settings.gzip),
    };
    let builder = match settings.protocol {
        _ if !settings.gzip => builder,
        Protocol::HttpProtobuf => builder.header(CONTENT_ENCODING, "gzip"),
        Protocol::Grpc => builder.header("grpc-encoding", "gzip"),
    };
    let mut request = builder.body(Full::new(body)).map_err(wrong)?;
    for (name, value) in &settings.headers {
        request.headers_mut().append(name, value.clone());
    }
    Ok(request)
}

fn client(settings: &Settings) -> Result<ClientConfig, Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(unreachable)?
        .with_root_certificates(roots(settings)?)
        .with_no_client_auth();
    config.alpn_protocols = vec![match settings.protocol {
        Protocol::HttpProtobuf => b"http/1.1".to_vec(),
        Protocol::Grpc => b"h2".to_vec(),
    }];
    Ok(config)
}

/// Whose certificates are believed.
pub(crate) fn roots(settings: &Settings) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    let Some(path) = &settings.trusted else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return if roots.is_empty() { Err(Error::NoTrust) } else { Ok(roots) };
    };
    let pem = std::fs::read(path).map_err(|error| Error::file(path, &error))?;
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| Error::file(path, &error))?;
        roots.add(certificate).map_err(|error| Error::file(path, &error))?;
    }
    if roots.is_empty() { Err(Error::file(path, &"no certificate found")) } else { Ok(roots) }
}

/// The error with what has caused it, which says more.
fn unreachable(error: impl std::error::Error + 'static) -> Error {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    Error::Unreachable(text)
}
