//! The layers around a plain tower service: `cargo run -p propylon-headers --example standalone`.
//!
//! A client comes through a trusted load balancer; the upstream answers with the fields that it got.

#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::convert::Infallible;

use http::header::{CONNECTION, HOST, HeaderName, HeaderValue, SERVER};
use http::{HeaderMap, Request, Response};
use propylon_headers::{
    ClientAddr, Forwarding, RealIpLayer, RequestField, RequestHeadersLayer, ResponseField,
    ResponseHeadersLayer, SanitizeLayer, Trusted, X_FORWARDED_FOR,
};
use tower::{Layer, ServiceExt, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let upstream = service_fn(async |request: Request<()>| {
        let mut response = Response::new(request.headers().clone());
        response.headers_mut().insert(SERVER, HeaderValue::from_static("upstream/1.0"));
        Ok::<_, Infallible>(response)
    });

    // innermost first
    let to_upstream = RequestHeadersLayer::new()
        .set(RequestField::fixed(HOST, HeaderValue::from_static("origin.internal")))
        .set_all(Forwarding::append().fields());
    let to_client = ResponseHeadersLayer::new().add_always(ResponseField::fixed(
        HeaderName::from_static("x-served-by"),
        HeaderValue::from_static("edge-1"),
    ));
    let load_balancers = Trusted::from_iter(["10.0.0.0/8".parse()?]);
    let who = RealIpLayer::new(load_balancers).header(X_FORWARDED_FOR).recursive(true).strip_untrusted(true);
    let proxy = SanitizeLayer::new().layer(who.layer(to_client.layer(to_upstream.layer(upstream))));

    let request = Request::get("/")
        .header(HOST, "www.example.com")
        .header(CONNECTION, "keep-alive, x-hop")
        .header("x-hop", "for the load balancer's connection alone")
        .header("x_odd", "dropped")
        .header(X_FORWARDED_FOR, "192.0.2.1")
        .extension(ClientAddr::ip("10.0.0.7".parse()?, Some(4711)))
        .body(())?;
    let response = proxy.oneshot(request).await?;

    print_fields("The upstream got:", response.body());
    print_fields("The client gets:", response.headers());
    Ok(())
}

fn print_fields(title: &str, headers: &HeaderMap) {
    println!("{title}");
    for (name, value) in headers {
        println!("  {name}: {}", String::from_utf8_lossy(value.as_bytes()));
    }
}
