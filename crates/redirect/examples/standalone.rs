//! Redirects of an application that knows itself as `localhost:8080`: `cargo run -p propylon-redirect --example standalone`.

#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use http::header::LOCATION;
use http::{Request, Response};
use propylon_redirect::RedirectLayer;
use tower::{Layer, ServiceExt, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let application = service_fn(async |request: Request<()>| {
        let to = format!("http://localhost:8080{}/", request.uri().path());
        Response::builder().status(301).header(LOCATION, to).body(())
    });
    let redirects = RedirectLayer::new().replace("http://localhost:8080/", "https://example.com/app/");
    let service = redirects.layer(application);

    let response = service.oneshot(Request::get("/login").body(())?).await?;
    for (name, value) in response.headers() {
        println!("{name}: {}", String::from_utf8_lossy(value.as_bytes()));
    }
    Ok(())
}
