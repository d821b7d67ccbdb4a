//! A server of http and https whose certificate comes by itself:
//! `cargo run -p propylon-acme --example standalone -- example.com https://acme-staging-v02.api.letsencrypt.org/directory state`,
//! with ports 80 and 443 of that name leading here (8080 and 8443 listen), and a file of certificates to trust as the last
//! argument if the authority is a private one.
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use propylon_acme::{Http01Layer, Keeper, Settings, Wanted};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tower::{ServiceBuilder, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: standalone NAME DIRECTORY STATE [TRUSTED.pem]";
    let mut next = || arguments.next().ok_or(usage);
    let (name, directory, state) = (next()?, next()?, next()?);
    let mut settings = Settings::new(directory, state).agree_to_terms();
    if let Some(file) = arguments.next() {
        settings = settings.trusted_certificate(file);
    }
    let keeper = Keeper::builder(settings).observer(|event| println!("{event}")).build();
    keeper.keep([Wanted::new([name])?]);

    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(keeper.certificates()));
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let (http, https) = (TcpListener::bind("0.0.0.0:8080").await?, TcpListener::bind("0.0.0.0:8443").await?);
    let challenges = keeper.challenges();
    tokio::spawn(async move { keeper.run().await });

    let to_https = service_fn(async |request: Request<Incoming>| {
        let host = request.headers().get("host").and_then(|host| host.to_str().ok()).unwrap_or_default();
        let to = format!("https://{host}{}", request.uri().path());
        Response::builder().status(308).header("location", to).body(Full::new(Bytes::new()))
    });
    let to_https = ServiceBuilder::new().layer(Http01Layer::new(challenges)).service(to_https);
    loop {
        tokio::select! {
            accepted = http.accept() => {
                let (socket, _) = accepted?;
                let service = TowerToHyperService::new(to_https.clone());
                tokio::spawn(async move {
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(socket), service).await;
                });
            }
            accepted = https.accept() => {
                let (socket, _) = accepted?;
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let hello = hyper::service::service_fn(async |_: Request<Incoming>| {
                        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"hello\n"))))
                    });
                    let Ok(stream) = acceptor.accept(socket).await else { return };
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), hello).await;
                });
            }
        }
    }
}
