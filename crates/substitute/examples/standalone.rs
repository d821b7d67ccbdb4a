//! Pages that know their own host by a wrong name: `cargo run -p propylon-substitute --example standalone`.

#![expect(clippy::print_stdout, reason = "an example shows what happens")]
#![expect(clippy::disallowed_methods, reason = "the body is limited")]

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use propylon_substitute::SubstituteLayer;
use tower::{Layer, ServiceExt, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let pages = service_fn(async |_: Request<()>| {
        let page = "<a href='http://localhost/a'>a</a> <a href='http://localhost/b'>b</a></body>";
        Response::builder().header(CONTENT_TYPE, "text/html").body(Full::<Bytes>::from(page))
    });
    let layer = SubstituteLayer::new()
        .replace("http://localhost/", "https://example.com/")
        .replace_with("</body>", |head| format!("<!-- {} --></body>", head.status).into())
        .once(false);
    let response = layer.layer(pages).oneshot(Request::new(())).await?;
    println!(
        "{}",
        String::from_utf8_lossy(&Limited::new(response.into_body(), 1000).collect().await?.to_bytes())
    );
    Ok(())
}
