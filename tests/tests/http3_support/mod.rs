//! Clients of HTTP/3, and a gateway that they talk to.
#![allow(clippy::unwrap_used, dead_code, reason = "a test; each of them uses a part of this")]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::{Buf, Bytes};
use h3::client::{RequestStream, SendRequest};
use h3::error::{Code, StreamError};
use h3_quinn::{BidiStream, OpenStreams};
use http::{HeaderMap, Request, Response};
use propylon_testkit::certificates::{Authority, Identity, file};
use propylon_tests::{Propylon, address};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{Connection, ConnectionError, Endpoint};
use rustls::RootCertStore;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// Who signs certificates here, and where they are.
pub(crate) struct Certificates {
    directory: tempfile::TempDir,
    pub(crate) root: Authority,
}

impl Certificates {
    /// Those of `a.test` and `b.test`.
    pub(crate) fn new() -> Self {
        let (directory, root) = (tempfile::tempdir().unwrap(), Authority::root("Root"));
        let _ = file(directory.path(), "root.pem", &root.certificate);
        for name in ["a.test", "b.test"] {
            let _ = root.server(&[name, "localhost"]).write(directory.path(), name);
        }
        Self { directory, root }
    }

    /// The path of a file.
    pub(crate) fn at(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    /// The keys of a server with this name.
    pub(crate) fn tls(&self, name: &str) -> String {
        let (certificate, key) = (self.at(&format!("{name}.pem")), self.at(&format!("{name}.key")));
        format!("tls.certificates = [{{ certificate = \"{certificate}\", key = \"{key}\" }}]\n")
    }

    /// A client that believes them; it shows a certificate, or none.
    pub(crate) fn client(&self, shows: Option<&Identity>) -> Client {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.root.certificate.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(roots);
        let mut tls = match shows {
            None => tls.with_no_client_auth(),
            Some(identity) => {
                let chain =
                    CertificateDer::pem_slice_iter(identity.chain.as_bytes()).collect::<Result<_, _>>();
                let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
                tls.with_client_auth_cert(chain.unwrap(), key).unwrap()
            }
        };
        tls.alpn_protocols = vec![b"h3".to_vec()];
        Client { tls }
    }
}

/// A client that connects again and again; its sessions may be resumed.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) tls: rustls::ClientConfig,
}

impl Client {
    /// A socket of its own.
    pub(crate) fn endpoint(&self) -> Endpoint {
        let mut endpoint = Endpoint::client((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let quic = QuicClientConfig::try_from(self.tls.clone()).unwrap();
        endpoint.set_default_client_config(quinn::ClientConfig::new(Arc::new(quic)));
        endpoint
    }

    /// A connection to a server with this name, and its socket.
    pub(crate) async fn connect(&self, to: SocketAddr, name: &str) -> Result<Connection, ConnectionError> {
        self.endpoint().connect(to, name).unwrap().await
    }
}

/// A server of the name `a.test` with whatever follows; its log has request lines, statuses and bytes of body.
pub(crate) fn gateway(certificates: &Certificates, rest: &str) -> (Propylon, SocketAddr) {
    let listen = address();
    (Propylon::start(&config(certificates, listen, rest)), listen)
}

pub(crate) fn config(certificates: &Certificates, listen: SocketAddr, rest: &str) -> String {
    format!(
        "[error_log]\npath = \"@DIR@/error.log\"\nlevel = \"info\"\n\
         [log_format]\nl = '\"$request\" $status $body_bytes_sent'\n\
         [defaults.access_log]\npath = \"@DIR@/access.log\"\nformat = \"l\"\n\
         [[server]]\nlisten = [\"{listen} http3\"]\nname = [\"a.test\"]\n{}{rest}\n",
        certificates.tls("a.test")
    )
}

/// A location for everything.
pub(crate) fn proxies(to: SocketAddr, more: &str) -> String {
    format!(
        "[[server.location]]\nmatch = \"/\"\nproxy_pass = \"http://{to}\"\nlimit.body_size = \"unlimited\"\n\
         headers.set = {{ Host = \"$host\" }}\n{more}\n"
    )
}

pub(crate) type Sender = SendRequest<OpenStreams, Bytes>;
pub(crate) type Stream = RequestStream<BidiStream<Bytes>, Bytes>;

/// The crate h3 on a connection.
pub(crate) async fn speak(connection: Connection) -> Sender {
    let (mut driver, sender) = h3::client::new(h3_quinn::Connection::new(connection)).await.unwrap();
    tokio::spawn(async move { driver.wait_idle().await });
    sender
}

/// A connection of the crate h3 to `a.test`.
pub(crate) async fn connect(certificates: &Certificates, to: SocketAddr) -> Sender {
    speak(certificates.client(None).connect(to, "a.test").await.unwrap()).await
}

/// A request without a body.
pub(crate) fn get(path: &str) -> Request<()> {
    Request::get(format!("https://a.test{path}")).body(()).unwrap()
}

/// What a response was.
pub(crate) struct Whole {
    pub(crate) head: Response<()>,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Option<HeaderMap>,
}

impl Whole {
    pub(crate) fn status(&self) -> u16 {
        self.head.status().as_u16()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
}

/// Asks, and reads all of the response.
pub(crate) async fn ask(sender: &mut Sender, request: Request<()>) -> Result<Whole, StreamError> {
    send(sender, request, b"").await
}

/// The same with a body.
pub(crate) async fn send(
    sender: &mut Sender,
    request: Request<()>,
    body: &[u8],
) -> Result<Whole, StreamError> {
    let mut stream = sender.send_request(request).await?;
    let mut sent = Ok(());
    if !body.is_empty() {
        sent = stream.send_data(Bytes::copy_from_slice(body)).await;
    }
    if sent.is_ok() {
        sent = stream.finish().await;
    }
    match sent {
        // The answer was there before all of the request was (RFC 9114 4.1).
        Err(StreamError::RemoteTerminate { code, .. }) if code == Code::H3_NO_ERROR => {}
        sent => sent?,
    }
    whole(stream).await
}

/// All of a response.
pub(crate) async fn whole(mut stream: Stream) -> Result<Whole, StreamError> {
    let head = stream.recv_response().await?;
    let mut body = Vec::new();
    while let Some(mut data) = stream.recv_data().await? {
        body.extend_from_slice(&data.copy_to_bytes(data.remaining()));
    }
    let trailers = stream.recv_trailers().await?;
    Ok(Whole { head, body, trailers })
}
