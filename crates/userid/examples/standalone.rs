//! A service that says who comes again: `cargo run -p propylon-userid --example standalone`.

#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderValue, Request, Response};
use propylon_userid::{Issuer, Rules, UserIdLayer, Visitor};
use tower::{Layer, ServiceExt, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rules = Rules::new("uid").http_only();
    let known = rules.clone();
    let application = service_fn(move |request: Request<()>| {
        let lines = request.headers().get_all(COOKIE).iter().map(HeaderValue::as_bytes);
        // The same that the layer has found out.
        let visitor = request.extensions().get::<Visitor>().cloned().unwrap_or_default();
        match visitor.got(&known, lines) {
            Some(got) => println!("{} comes again", got.id()),
            None => println!("somebody new"),
        }
        async { Ok::<_, http::Error>(Response::new(())) }
    });
    let service = UserIdLayer::new(rules, Issuer::of_process()).local([127, 0, 0, 1]).layer(application);

    let first = Request::builder().extension(Visitor::new()).body(())?;
    let response = service.clone().oneshot(first).await?;
    let cookie = response.headers().get(SET_COOKIE).cloned().ok_or("no cookie")?;
    println!("{}", String::from_utf8_lossy(cookie.as_bytes()));

    let again = Request::builder().extension(Visitor::new()).header(COOKIE, cookie).body(())?;
    service.oneshot(again).await?;
    Ok(())
}
