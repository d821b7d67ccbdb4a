//! How a body ends, where TLS says that it does and where it does not.

use std::net::SocketAddr;

use propylon_testkit::peer::{Plan, RawPeer};
use propylon_tests::{End, LIMIT, Propylon, addresses, lossy, on_hyper, until};
use propylon_tls::Connector;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Front, World, gateway, get, location};

/// A body that ends with its connection is whole only if TLS says so: else anybody on the way could cut it. nginx takes any end.
#[test]
fn a_body_that_ends_with_the_connection_is_whole_only_if_tls_ended() {
    let world = World::new();
    let [listen] = addresses();
    let peer = RawPeer::tcp(|_| Plan::new().read_request().write("HTTP/1.1 200 OK\r\n\r\nall of it").close());
    let sized = RawPeer::tcp(|_| {
        Plan::new().read_request().write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nall of it").close()
    });
    let told = Front::new(world.acceptor("good"), peer.addr(), true);
    let cut = Front::new(world.acceptor("good"), peer.addr(), false);
    let known = Front::new(world.acceptor("good"), sized.addr(), false);
    let trusting = world.trusting("good");
    let gateway = gateway(
        listen,
        "",
        &[("told", &told), ("cut", &cut), ("known", &known)]
            .map(|(name, front)| location(name, &front.address.to_string(), &trusting))
            .concat(),
    );
    for (path, end) in [("/told/", End::Complete), ("/cut/", End::Cut), ("/known/", End::Complete)] {
        let answer = get(listen, path);
        assert_eq!((answer.status, answer.text().as_str(), answer.end), (200, "all of it", end), "{path}");
    }
    until("the reason", LIMIT, || {
        let log = gateway.error_log();
        log.lines()
            .any(|line| line.contains("GET /cut/") && line.contains("while reading upstream"))
            .then_some(())
    });
}

/// All that a client over TLS gets, and whether TLS said that this was the end.
fn over_tls(listen: SocketAddr, request: &str) -> (String, bool) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let connector = Connector::builder().build().unwrap();
        let socket = TcpStream::connect(listen).await.unwrap();
        let mut stream = connector.connect(socket, "a.test").await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        let mut answer = Vec::new();
        let ended = stream.read_to_end(&mut answer).await.is_ok();
        (lossy(&answer), ended)
    })
}

/// A client over TLS can tell as well, even if the end of the connection is all that it can go by (HTTP/1.0).
#[test]
fn what_is_cut_does_not_end_the_clients_tls() {
    let world = World::new();
    let [listen] = addresses();
    let peer = |answer: &'static str| RawPeer::tcp(move |_| Plan::new().read_request().write(answer).close());
    let length = peer("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
    let chunked = peer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n");
    let whole = peer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n\r\n");
    let close = peer("HTTP/1.1 200 OK\r\n\r\nhalf");
    let tls = [&length, &chunked, &whole, &close]
        .map(|peer| Front::new(world.acceptor("good"), peer.addr(), false));
    let told = Front::new(world.acceptor("good"), close.addr(), true);
    let (plain, trusting) = ("proxy_pass = \"http://", world.trusting("good"));
    let mut locations = [("length", &length), ("chunked", &chunked), ("whole", &whole), ("close", &close)]
        .map(|(name, peer)| format!("[[server.location]]\nmatch = \"/{name}/\"\n{plain}{}\"\n", peer.addr()))
        .concat();
    for (name, front) in ["tls-length", "tls-chunked", "tls-whole", "tls-close"].into_iter().zip(&tls) {
        locations.push_str(&location(name, &front.address.to_string(), &trusting));
    }
    locations.push_str(&location("tls-told", &told.address.to_string(), &trusting));
    let gateway = Propylon::start(&format!(
        "[error_log]\npath = \"@DIR@/error.log\"\nlevel = \"info\"\n[defaults.retry]\nbudget = false\n\
         [[server]]\nlisten = [\"{listen} tls\"]\n\
         tls.certificates = [{{ certificate = \"{}\", key = \"{}\" }}]\n{locations}",
        world.at("good.pem"),
        world.at("good.key"),
    ));
    for (path, is_cut) in [
        ("/length/", true),
        ("/chunked/", true),
        ("/whole/", false),
        ("/close/", false),
        ("/tls-length/", true),
        ("/tls-chunked/", true),
        ("/tls-whole/", false),
        ("/tls-close/", true),
        ("/tls-told/", false),
    ] {
        // hyper ends a cut response to HTTP/1.0 as a whole one.
        let versions = if on_hyper() { &["1.1"][..] } else { &["1.1", "1.0"] };
        for version in versions {
            let request = format!("GET {path} HTTP/{version}\r\nHost: a.test\r\nConnection: close\r\n\r\n");
            let (answer, ended) = over_tls(listen, &request);
            let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default(); // a reset may overtake what was sent
            assert!(!ended || head.contains(" 200 ") && body.contains("half"), "{path} {version}: {answer}");
            let is_whole = if head.contains("Content-Length: 9") {
                body.len() == 9
            } else if head.contains("Transfer-Encoding: chunked") {
                body.ends_with("\r\n0\r\n\r\n")
            } else {
                ended
            };
            assert_eq!(is_whole, !is_cut, "{path} {version}, ended: {ended}: {answer}");
        }
        if is_cut {
            until("the reason", LIMIT, || {
                let log = gateway.error_log();
                let told = |line: &&str| {
                    line.contains(&format!("GET {path} ")) && line.contains("while reading upstream")
                };
                (log.lines().filter(told).count() == versions.len()).then_some(())
            });
        }
    }
}
