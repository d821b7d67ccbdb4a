//! A reverse proxy of layers that are put together by hand: a cache, a layer of one's own, retries, load balancing, timeouts and connections, with hyper's
//! server in front.
//!
//! `cargo run -p propylon-tests --example compose -- 127.0.0.1:8080 127.0.0.1:8001 127.0.0.1:8002`

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use propylon_balance::{Balance, Balancer, Dispatch, Group, Method, Outcome, Server, Tried};
use propylon_cache::store::{Limits, Zone};
use propylon_cache::{ByUri, CacheLayer};
use propylon_retry::{Condition, Conditions, Failure, Policy, RetryLayer};
use propylon_timeout::TimeoutLayer;
use propylon_upstream::{AttemptClass, BoxError, Client, Error, Keepalive, Peer, Pool, Transport};
use tower::util::MapResponseLayer;
use tower::{ServiceBuilder, ServiceExt};

/// What comes from a peer.
type FromPeer = propylon_timeout::ResponseBody<propylon_upstream::Body>;

/// What comes out of the balancer: the same, and it knows whose it is.
type Balanced = propylon_balance::ResponseBody<Peer, FromPeer>;

/// Sends requests to the peer that was picked.
#[derive(Clone)]
struct ToPeer(Client<TimeoutLayer>);

impl Dispatch<Peer, Full<Bytes>> for ToPeer {
    type Future = Pin<Box<dyn Future<Output = Result<Response<FromPeer>, BoxError>> + Send>>;
    type Body = FromPeer;
    type Error = BoxError;

    fn send(&self, peer: &Peer, request: Request<Full<Bytes>>) -> Self::Future {
        Box::pin(self.0.send(peer, request))
    }

    /// Whether a 503 is the peer's failure is for the retry to say: see `NextPeer::retrying`.
    fn outcome(&self, result: Result<&Response<FromPeer>, &BoxError>) -> Outcome {
        match result {
            Ok(response) if response.status() == StatusCode::SERVICE_UNAVAILABLE => Outcome::Open,
            Ok(_) => Outcome::Success,
            Err(_) => Outcome::Failure,
        }
    }
}

/// Tries each peer once.
#[derive(Clone)]
struct NextPeer(Group<Peer>);

impl Policy<Full<Bytes>, Balanced, BoxError> for NextPeer {
    fn peers(&self) -> usize {
        self.0.tries()
    }

    /// Without `Tried`, which all tries of a request share, the balancer could pick the same peer again.
    fn try_clone(&self, request: &mut Request<Full<Bytes>>) -> Option<Request<Full<Bytes>>> {
        request.extensions_mut().get_or_insert_default::<Tried>();
        Some(request.clone())
    }

    fn failure(&self, result: Result<&Response<Balanced>, &BoxError>) -> Option<Failure> {
        match result {
            Ok(response) if response.status() == StatusCode::SERVICE_UNAVAILABLE => {
                Some(Failure { condition: Condition::Status(response.status()), sent: true })
            }
            Ok(_) => None,
            Err(error) if error.is::<propylon_timeout::Error>() => {
                Some(Failure { condition: Condition::Timeout, sent: true })
            }
            Err(error) => {
                let error = error.downcast_ref::<Error>()?;
                Some(Failure { condition: Condition::Error, sent: error.class() >= AttemptClass::Sent })
            }
        }
    }

    /// The response that is given up counts towards the peer's `max_fails`.
    fn retrying(&self, _: &Request<Full<Bytes>>, _: Failure, result: Result<Response<Balanced>, BoxError>) {
        if let Ok(response) = result {
            response.into_body().failed();
        }
    }
}

type Answer = Response<UnsyncBoxBody<Bytes, BoxError>>;

/// The most of a request's body that is kept, so that it can be sent again.
const MOST: usize = 1 << 20;

/// A body that can be sent again.
async fn whole(body: Incoming) -> Result<Full<Bytes>, BoxError> {
    #[expect(clippy::disallowed_methods, reason = "it is limited")]
    let body = Limited::new(body, MOST).collect().await?;
    Ok(Full::new(body.to_bytes()))
}

fn failure(status: StatusCode, error: &BoxError) -> Answer {
    let text = Full::from(format!("{error}\n")).map_err(|never: Infallible| match never {});
    let mut response = Response::new(text.boxed_unsync());
    *response.status_mut() = status;
    response
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let mut addresses = std::env::args().skip(1).map(|address| address.parse::<SocketAddr>());
    let listen = addresses.next().ok_or("expected an address to listen at, then those of the peers")??;
    let group = Group::new("backend");
    let peers = addresses.map(|address| address.map(|at| Server::new(at.to_string(), Peer::from(at))));
    group.set(peers.collect::<Result<Vec<_>, _>>()?);

    let pool = Pool::new(Keepalive::new().connections(64));
    let client = Client::new(pool, Transport::new().connect_timeout(Duration::from_secs(5)))
        .layer(TimeoutLayer::new().read(Duration::from_secs(30)));
    let balance = Balance::new(Balancer::new(group.clone(), Method::LeastConn)?, ToPeer(client));
    let cache =
        CacheLayer::new(ByUri::new(Zone::memory(Limits::default()))).spawner(|work| drop(tokio::spawn(work)));
    let service = ServiceBuilder::new()
        .layer(cache)
        .layer(MapResponseLayer::new(|mut response: Response<Balanced>| {
            response.headers_mut().insert("x-served-by", http::HeaderValue::from_static("compose"));
            response
        }))
        .layer(RetryLayer::new(NextPeer(group)).on(Conditions::default() | Conditions::HTTP_503).tries(2))
        .service(balance);

    let listener = tokio::net::TcpListener::bind(listen).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let service = service.clone();
        let serve = hyper::service::service_fn(move |request: Request<Incoming>| {
            let service = service.clone();
            async move {
                let (head, body) = request.into_parts();
                let answer = match whole(body).await {
                    Ok(body) => service.oneshot(Request::from_parts(head, body)).await,
                    Err(error) => return Ok(failure(StatusCode::PAYLOAD_TOO_LARGE, &error)),
                };
                Ok::<_, Infallible>(match answer {
                    Ok(response) => response.map(|body| body.map_err(Into::into).boxed_unsync()),
                    Err(error) => failure(StatusCode::BAD_GATEWAY, &error),
                })
            }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), serve));
    }
}
