//! An authority, and gateways that get certificates from it.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    dead_code,
    reason = "a test; each of them uses a part of this"
)]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use propylon_testkit::certificates::{Authority, file};
use propylon_testkit::dns::DnsServer;
use propylon_tests::{LIMIT, Pebble, PebbleOptions, addresses, lossy, until};
use propylon_tls::{ClientStream, Connector};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An authority, the names that it can find, and the directory that a gateway keeps its state in.
pub(crate) struct World {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) dns: DnsServer,
    pub(crate) ca: SocketAddr,
    pub(crate) http: SocketAddr,
    pub(crate) tls: SocketAddr,
}

/// How an authority is that is not as usual.
#[derive(Clone, Copy, Default)]
pub(crate) struct Odd {
    pub(crate) lifetime: Option<u64>,
    pub(crate) more: &'static str,
    pub(crate) refuses_nonces: u8,
}

impl World {
    pub(crate) fn new() -> Self {
        let (directory, dns) = (tempfile::tempdir().unwrap(), DnsServer::start());
        let root = Authority::root("Directory");
        let _ = file(directory.path(), "ca.pem", &root.certificate);
        let [ca, http, tls] = addresses();
        let _ = root.server(&[&ca.ip().to_string()]).write(directory.path(), "pebble");
        let world = Self { directory, dns, ca, http, tls };
        world.names_lead_to(http);
        world
    }

    pub(crate) fn names_lead_to(&self, to: SocketAddr) {
        for name in ["a.test", "www.a.test", "b.test", "blocked.test"] {
            self.dns.host(name, &[&to.ip().to_string()], 60);
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn pebble(&self) -> Pebble {
        self.odd_pebble(Odd::default())
    }

    pub(crate) fn odd_pebble(&self, odd: Odd) -> Pebble {
        Pebble::start(&PebbleOptions {
            listen: Some(self.ca),
            identity: (&self.path("pebble.pem"), &self.path("pebble.key")),
            dns: self.dns.addr(),
            http: self.http,
            tls: self.tls,
            lifetime: odd.lifetime.unwrap_or(90 * 86_400),
            more: odd.more,
            refuses_nonces: odd.refuses_nonces,
        })
    }

    /// A server that sends everybody to https, and that one.
    pub(crate) fn config(&self, acme: &str, names: &str) -> String {
        let (http, tls, ca) = (self.http, self.tls, self.ca);
        format!(
            "[error_log]\npath = \"@DIR@/error.log\"\nlevel = \"info\"\n\
             [acme]\ndirectory = \"https://{ca}/dir\"\nstate_path = \"{}\"\ntrusted_certificate = \"{}\"\n{acme}\n\
             [defaults.access_log]\npath = \"@DIR@/access.log\"\n\
             [[server]]\nlisten = [\"{http}\"]\nname = [{names}]\nreturn = [301, \"https://$host$request_uri\"]\n\
             [[server]]\nlisten = [\"{tls} tls\"]\nname = [{names}]\ntls.acme = true\nreturn = [200, \"secured $ssl_server_name\"]\n",
            self.path("state").display(),
            self.path("ca.pem").display(),
        )
    }

    pub(crate) fn certificate(&self, name: &str) -> PathBuf {
        self.path("state").join("certificates").join(format!("{name}.pem"))
    }
}

pub(crate) const AGREED: &str = "accept_terms_of_service = true\ncontact = [\"hostmaster@a.test\"]";
pub(crate) const BY_TLS: &str = "accept_terms_of_service = true\nchallenge = \"tls-alpn-01\"";

pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// What verifies what an authority has issued: nobody else is believed.
pub(crate) fn believing(pebble: &Pebble, directory: &Path) -> Connector {
    let root = run(async {
        let socket = TcpStream::connect(pebble.management()).await.unwrap();
        let anybody = Connector::builder().build().unwrap();
        let mut stream = anybody.connect(socket, "localhost").await.unwrap();
        stream.write_all(b"GET /roots/0 HTTP/1.0\r\nHost: localhost\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await; // it does not say goodbye
        lossy(&answer)
    });
    let (_, pem) = root.split_once("\r\n\r\n").unwrap();
    let root = file(directory, "issued-by.pem", pem);
    Connector::builder()
        .verify(true)
        .verify_depth(2)
        .trusted_certificate(root)
        .server_name(true)
        .build()
        .unwrap()
}

pub(crate) async fn connect(
    connector: &Connector,
    at: SocketAddr,
    name: &str,
) -> Result<ClientStream<TcpStream>, String> {
    let socket = TcpStream::connect(at).await.map_err(|error| error.to_string())?;
    connector.connect(socket, name).await.map_err(|error| error.to_string())
}

/// The certificate that is shown to whoever asks for this name.
pub(crate) fn shown(connector: &Connector, at: SocketAddr, name: &str) -> Result<Vec<u8>, String> {
    run(async {
        let stream = connect(connector, at, name).await?;
        Ok(stream.get_ref().1.peer_certificates().unwrap()[0].to_vec())
    })
}

pub(crate) fn wait_for(connector: &Connector, at: SocketAddr, name: &str) -> Vec<u8> {
    until("a certificate", LIMIT, || shown(connector, at, name).ok())
}
