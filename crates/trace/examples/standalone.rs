//! A hyper server whose requests are traced, and sent to a collector on port 4317: `cargo run -p propylon-trace --example standalone`,
//! then `curl http://127.0.0.1:8080/`, and `GET /counts` for how many spans have arrived.
#![expect(clippy::print_stdout, reason = "an example says what it does")]

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use propylon_trace::{Exporter, Protocol, Ratio, Sampler, Settings, TraceContext, TraceLayer};
use tokio::net::TcpListener;
use tower::{BoxError, Layer, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let settings = Settings::new("http://127.0.0.1:4317", Protocol::Grpc)?
        .interval(Duration::from_secs(1))
        .resource("service.name", "standalone");
    let (spans, exporter) = Exporter::builder(settings).observer(|event| println!("{event}")).build();
    let exporting = tokio::spawn(exporter.run());

    let counts = spans.counts().clone();
    let application = service_fn(move |request: Request<Incoming>| {
        let text = match (request.uri().path(), request.extensions().get::<TraceContext>()) {
            ("/counts", _) => format!("{counts:?}\n"),
            (_, Some(context)) => format!("whom I ask gets this: traceparent: {context}\n"),
            (_, None) => "there is always one\n".to_owned(),
        };
        async move { Ok::<_, Infallible>(Response::new(text)) }
    });
    let layer = TraceLayer::new(spans.clone()).sampler(Sampler::new(Ratio::ALL));
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 8080))).await?;
    println!("listening on http://{}/, for a hundred connections", listener.local_addr()?);
    for _ in 0..100 {
        let (stream, _) = listener.accept().await?;
        let service = TowerToHyperService::new(layer.layer(application.clone()));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
    spans.finish(); // what waits is sent
    exporting.await?;
    Ok(())
}
