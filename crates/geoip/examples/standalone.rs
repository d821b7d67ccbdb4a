//! A server that says where its clients are: `cargo run -p propylon-geoip --example standalone -- GeoLite2-City.mmdb`, then
//! `curl http://127.0.0.1:8080/`, or `curl http://127.0.0.1:8080/81.2.69.142` for another address.

#![expect(clippy::print_stdout, reason = "an example says what it does")]

use std::convert::Infallible;
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use propylon_geoip::{DataPath, Database};
use tokio::net::TcpListener;
use tower::service_fn;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "/usr/share/GeoIP/GeoLite2-City.mmdb".to_owned());
    let database = Database::new(path);
    database.refresh()?;
    tokio::spawn(keep(database.clone()));

    let listener = TcpListener::bind("127.0.0.1:8080").await?;
    println!("http://{}/", listener.local_addr()?);
    loop {
        let (stream, peer) = listener.accept().await?;
        let database = database.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let asked = request.uri().path().trim_start_matches('/').parse();
            let answer = describe(&database, asked.unwrap_or(peer.ip()));
            async move { Ok::<_, Infallible>(Response::new(Full::new(answer))) }
        });
        tokio::spawn(async move {
            let mut http = hyper::server::conn::http1::Builder::new();
            http.timer(TokioTimer::new());
            drop(http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)).await);
        });
    }
}

fn describe(database: &Database, address: IpAddr) -> Bytes {
    let find = |names: &[&str]| {
        let found = database.find(address, &DataPath::new(names.iter().copied()));
        found.map_or_else(|| "?".to_owned(), |value| String::from_utf8_lossy(&value).into_owned())
    };
    let (city, country) = (find(&["city", "names", "en"]), find(&["country", "names", "en"]));
    format!("{address}: {city}, {country}\n").into()
}

/// Looks at the file every five minutes.
async fn keep(database: Database) {
    loop {
        tokio::time::sleep(Duration::from_secs(300)).await;
        let looked = database.clone();
        match tokio::task::spawn_blocking(move || looked.refresh()).await {
            Ok(Ok(true)) => println!("another database is in its place"),
            Ok(Err(error)) => println!("{error}: the one before stays"),
            _ => {}
        }
    }
}
