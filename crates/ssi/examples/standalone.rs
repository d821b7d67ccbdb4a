//! A hyper server with pages of its own, which include each other: `cargo run -p propylon-ssi --example standalone`, then
//! `curl http://127.0.0.1:8080/`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example says what it does")]

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use propylon_ssi::{Captured, Error, Host, Included, Including, Shared, SsiLayer, Zone};
use tokio::net::TcpListener;
use tower::{BoxError, Layer, service_fn};

const PAGES: [(&str, &str); 3] = [
    (
        "/",
        "<!--# block name='later' -->(to come)<!--# endblock --><h1>Hello <!--# echo var='visitor' --></h1>\n\
         <!--# include virtual='/menu' -->\n<!--# include virtual='/news' stub='later' -->\n",
    ),
    ("/menu", "<a href='/'>home</a> <a href='/menu'>menu</a>"),
    ("/news", ""),
];

/// Whoever serves a page of these.
struct Site(Shared);

impl Host for Site {
    fn shared(&self) -> &Shared {
        &self.0
    }

    fn path(&self) -> Bytes {
        Bytes::from_static(b"/")
    }

    fn variable(&self, name: &str) -> Option<Bytes> {
        (name == "visitor").then(|| Bytes::from_static(b"<you>"))
    }

    fn date(&self, _: &str, _: Zone) -> Option<Bytes> {
        None
    }

    fn captures(&self, _: &str, _: &Bytes) -> Result<Option<Captured>, String> {
        Err("there are no regular expressions here".to_owned())
    }

    fn include(&self, path: Bytes, _: Option<Bytes>) -> Including {
        let (status, text) = found(&String::from_utf8_lossy(&path));
        let body = Full::<Bytes>::from(text).map_err(|never| match never {});
        Box::pin(async move { Ok(Included::Answer { status, body: Box::pin(body) }) })
    }

    fn report(&self, error: &Error) {
        eprintln!("{error}");
    }
}

fn found(path: &str) -> (StatusCode, &'static str) {
    let page = PAGES.iter().find(|(known, _)| *known == path);
    page.map_or((StatusCode::NOT_FOUND, "nothing\n"), |(_, text)| (StatusCode::OK, *text))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let pages = service_fn(async |request: Request<Incoming>| {
        let (status, text) = found(request.uri().path());
        Response::builder().status(status).header(CONTENT_TYPE, "text/html").body(Full::<Bytes>::from(text))
    });
    let pages = SsiLayer::new(|_| Some(Arc::new(Site(Shared::new())))).layer(pages);
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 8080))).await?;
    println!("listening on http://{}/", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        let service = TowerToHyperService::new(pages.clone());
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}
