//! Certificates, a gateway that looks at them, and TLS before a plain peer.

use std::net::SocketAddr;
use std::path::Path;
use std::thread::JoinHandle;

use propylon_testkit::certificates::{Authority, file};
use propylon_tests::{OpensslServer, Propylon, RawResponse, raw_request};
use propylon_tls::{Acceptor, Sessions, accept};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// Certificates, good and bad.
pub(crate) struct World {
    directory: tempfile::TempDir,
    pub(crate) root: Authority,
}

impl World {
    pub(crate) fn new() -> Self {
        let (directory, root) = (tempfile::tempdir().unwrap(), Authority::root("Root"));
        let path = directory.path();
        let revoked = root.server(&["a.test"]);
        for (name, identity) in [
            ("good", &root.server(&["a.test"])),
            ("client", &root.server(&["client.test"])),
            ("expired", &root.expired_server(&["a.test"])),
            ("early", &root.early_server(&["a.test"])),
            ("stranger", &Authority::root("Stranger").server(&["a.test"])),
            ("deep", &root.intermediate("Middle").intermediate("Deep").server(&["a.test"])),
            ("named", &root.server(&["b.test"])),
            ("revoked", &revoked),
        ] {
            let _ = identity.write(path, name);
        }
        let _ = file(path, "root.pem", &root.certificate);
        let _ = file(path, "root.crl", &root.revocation_list(&[&revoked]));
        Self { directory, root }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn at(&self, name: &str) -> String {
        self.path().join(name).display().to_string()
    }

    /// How a location is to verify its upstream's certificate of this kind.
    pub(crate) fn trusting(&self, kind: &str) -> String {
        let list = match kind {
            "revoked" => format!(", crl = \"{}\"", self.at("root.crl")),
            _ => String::new(),
        };
        let root = self.at("root.pem");
        format!(
            "verify = true, trusted_certificate = \"{root}\", name = \"a.test\", server_name = true{list}"
        )
    }

    pub(crate) fn showing(&self) -> String {
        format!(", certificate = \"{}\", key = \"{}\"", self.at("client.pem"), self.at("client.key"))
    }

    pub(crate) fn acceptor(&self, kind: &str) -> Acceptor {
        let builder =
            Acceptor::builder().identity(self.at(&format!("{kind}.pem")), self.at(&format!("{kind}.key")));
        builder.build(&Sessions::new(10).unwrap()).unwrap()
    }

    pub(crate) fn openssl(&self, listen: SocketAddr, kind: &str, more: &[&str]) -> OpensslServer {
        let [certificate, key] = ["pem", "key"].map(|end| self.at(&format!("{kind}.{end}")));
        let mut arguments = vec!["-cert", &certificate, "-key", &key];
        if kind == "deep" {
            arguments.extend(["-cert_chain", &certificate]);
        }
        arguments.extend(more);
        OpensslServer::start(listen, &arguments)
    }
}

pub(crate) fn gateway(listen: SocketAddr, upstreams: &str, locations: &str) -> Propylon {
    Propylon::start(&format!(
        "[runtime]\nworkers = 1\ncertificate_check = \"50ms\"\n[error_log]\npath = \"@DIR@/error.log\"\nlevel = \"info\"\n\
         [log_format]\nshort = '$status [$upstream_addr] [$upstream_status] $request'\n\
         [defaults.access_log]\npath = \"@DIR@/access.log\"\nformat = \"short\"\n\
         [defaults.headers]\nproxy_status = \"edge\"\n[defaults.timeout]\nconnect = \"1s\"\n[defaults.retry]\nbudget = false\n\
         {upstreams}\n[[server]]\nlisten = [\"{listen}\"]\n{locations}"
    ))
}

pub(crate) fn location(path: &str, to: &str, tls: &str) -> String {
    format!(
        "[[server.location]]\nmatch = \"/{path}/\"\nproxy_pass = \"https://{to}\"\nupstream.tls = {{ {tls} }}\n"
    )
}

pub(crate) fn send(listen: SocketAddr, method: &str, path: &str, body: usize) -> RawResponse {
    let length = if method == "GET" { String::new() } else { format!("Content-Length: {body}\r\n") };
    let mut request =
        format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{length}Connection: close\r\n\r\n").into_bytes();
    request.extend(std::iter::repeat_n(b'x', body));
    raw_request(listen, &request).unwrap()
}

pub(crate) fn get(listen: SocketAddr, path: &str) -> RawResponse {
    send(listen, "GET", path, 0)
}

/// TLS before a plain peer: what the peer sends is secured, and its end is told, or not.
pub(crate) struct Front {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Front {
    pub(crate) fn new(acceptor: Acceptor, to: SocketAddr, tells_the_end: bool) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let serve = async move {
                let listener = TcpListener::from_std(listener).unwrap();
                while let Ok((socket, _)) = listener.accept().await {
                    tokio::spawn(Self::relay(socket, acceptor.clone(), to, tells_the_end));
                }
            };
            runtime.block_on(async {
                tokio::select! { () = serve => {}, _ = stopped => {} }
            });
        });
        Self { address, stop: Some(stop), thread: Some(thread) }
    }

    async fn relay(socket: TcpStream, acceptor: Acceptor, to: SocketAddr, tells_the_end: bool) -> Option<()> {
        let (mut client, _) = accept(socket, |_| Some(acceptor)).await.ok()?;
        let mut peer = TcpStream::connect(to).await.ok()?;
        if tells_the_end {
            let _ = tokio::io::copy_bidirectional(&mut client, &mut peer).await;
            return Some(());
        }
        let (mut from_client, mut to_client) = tokio::io::split(client);
        let (mut from_peer, mut to_peer) = peer.split();
        tokio::select! {
            _ = tokio::io::copy(&mut from_peer, &mut to_client) => {},
            _ = tokio::io::copy(&mut from_client, &mut to_peer) => {},
        }
        to_client.flush().await.ok()
        // Dropped: the socket ends, and TLS has not.
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        drop(self.stop.take());
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
