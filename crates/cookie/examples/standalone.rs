//! Cookies of an application that knows itself as `localhost`: `cargo run -p propylon-cookie --example standalone`.

#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use http::header::SET_COOKIE;
use http::{Request, Response};
use propylon_cookie::{CookieLayer, Flags, SameSite};
use tower::{Layer, ServiceExt, service_fn};

/// Who the client is known to; whoever routes puts it into the response.
#[derive(Clone)]
struct Site(&'static str);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let application = service_fn(async |request: Request<()>| {
        let mut response = Response::builder()
            .header(SET_COOKIE, "session=abc; Domain=localhost; Path=/app/; HttpOnly")
            .header(SET_COOKIE, "theme=dark; Path=/app/settings; Max-Age=3600")
            .body(())?;
        response.extensions_mut().extend(request.extensions().clone());
        Ok::<_, http::Error>(response)
    });

    let cookies = CookieLayer::new()
        .domain_with(|head, _| Some(head.extensions.get::<Site>()?.0.into()))
        .path("/app/", "/")
        .flags("session", Flags::new().secure().same_site(SameSite::Strict))
        .flags_with(|_, _| Some(Flags::new().same_site(SameSite::Lax)));
    let service = cookies.layer(application);

    let response = service.oneshot(Request::get("/").extension(Site("shop.example")).body(())?).await?;
    for cookie in response.headers().get_all(SET_COOKIE) {
        println!("{}", String::from_utf8_lossy(cookie.as_bytes()));
    }
    Ok(())
}
