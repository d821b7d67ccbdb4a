//! A small server with an access log on its standard output, and nothing else of Propylon:
//! `cargo run -p propylon-access-log --example standalone`, then `curl http://127.0.0.1:8080/`.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use propylon_access_log::{AccessLog, AccessLogLayer, Buffering, COMBINED, Escape, Format, Sinks, Target};
use propylon_exchange::Address;
use propylon_vars::{Context, Definitions};
use tokio::net::TcpListener;
use tower::{Layer, ServiceExt, service_fn};

async fn hello(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::new(Bytes::from_static(b"hello\n"))))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sinks = Sinks::spawn(|trouble| {
        if let Some(error) = trouble.error {
            drop(error.to_string()); // tell somebody
        }
    })?;
    let sink = sinks.open(&Target::Stdout, Buffering::Prompt)?;
    let template = Definitions::default().template(COMBINED, Context::Log)?;
    let log = AccessLog::new(Format::new(template, Escape::Default), sink);
    let layer = AccessLogLayer::new(log)
        .client(|parts| parts.extensions.get::<SocketAddr>().map(|address| Address::from(*address)));
    let service = layer.layer(service_fn(hello));

    let listener = TcpListener::bind("127.0.0.1:8080").await?;
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, client) = accepted?;
                let service = service.clone();
                tokio::spawn(async move {
                    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
                        request.extensions_mut().insert(client);
                        service.clone().oneshot(request)
                    });
                    let io = hyper_util::rt::TokioIo::new(stream);
                    hyper::server::conn::http1::Builder::new().serve_connection(io, service).await
                });
            }
            _ = tokio::signal::ctrl_c() => break,
        }
    }
    sinks.flush_all(Duration::from_secs(5))?;
    Ok(())
}
