//! Old pages in KOI8-R, sent as UTF-8: `cargo run -p propylon-charset --example standalone`.

#![expect(clippy::print_stdout, reason = "an example shows what happens")]
#![expect(clippy::disallowed_methods, reason = "the body is limited")]

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use propylon_charset::{CharsetLayer, Map};
use tower::{Layer, ServiceExt, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let pages = service_fn(async |_: Request<()>| {
        let page = Full::new(Bytes::from_static(b"\xF0\xD2\xC9\xD7\xC5\xD4!"));
        Response::builder().header(CONTENT_TYPE, "text/plain").body(page)
    });
    let letters = [(0xF0, 'П'), (0xD2, 'р'), (0xC9, 'и'), (0xD7, 'в'), (0xC5, 'е'), (0xD4, 'т')];
    let charset = CharsetLayer::new("utf-8")
        .source("koi8-r")
        .map(Map::to_utf8("koi8-r", letters)?)
        .on_missing(|from, to| {
            println!("no map from {} to {}", String::from_utf8_lossy(from), String::from_utf8_lossy(to));
        });

    let response = charset.layer(pages).oneshot(Request::new(())).await?;
    println!("{}", String::from_utf8_lossy(response.headers()[CONTENT_TYPE].as_bytes()));
    println!(
        "{}",
        String::from_utf8_lossy(&Limited::new(response.into_body(), 1000).collect().await?.to_bytes())
    );
    Ok(())
}
