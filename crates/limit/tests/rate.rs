//! How fast bodies go.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::disallowed_methods, reason = "a test")]

use std::convert::Infallible;
use std::num::NonZeroU64;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use propylon_limit::{Rate, RateBody, RateLayer};
use propylon_testkit::laws;
use tokio::time::Instant;
use tower::{Layer, ServiceExt, service_fn};

fn rate(bytes: u64) -> Rate {
    Rate::new(NonZeroU64::new(bytes).unwrap())
}

/// How long a body of so many bytes takes, in milliseconds, and what came of it.
async fn taken(rate: Option<Rate>, bytes: usize) -> (u64, Bytes) {
    let text: Vec<u8> = (0..=250).cycle().take(bytes).collect();
    let began = Instant::now();
    let got = RateBody::new(Full::from(text.clone()), rate).collect().await.unwrap().to_bytes();
    assert!(got == text);
    (u64::try_from(began.elapsed().as_millis()).unwrap(), got)
}

#[test]
fn the_laws_of_bodies_hold() {
    laws::check_all(|script| RateBody::new(script, None));
    laws::check_all(|script| RateBody::new(script, Some(rate(1 << 40))));
}

#[tokio::test(start_paused = true)]
async fn five_seconds_worth_takes_five_seconds() {
    for bytes_per_second in [100, 1000, 20 << 10, 100 << 10, 5 << 20] {
        let bytes = usize::try_from(bytes_per_second * 5).unwrap();
        let (millis, _) = taken(Some(rate(bytes_per_second)), bytes).await;
        assert!((4500..=5500).contains(&millis), "{bytes_per_second}/s: {millis} ms");
    }
    assert_eq!(taken(None, 1 << 20).await.0, 0);
}

#[tokio::test(start_paused = true)]
async fn the_first_bytes_may_go_at_once() {
    let (millis, _) = taken(Some(rate(1000).after(10_000)), 12_000).await;
    assert!((1800..=2000).contains(&millis), "{millis} ms");
    assert_eq!(taken(Some(rate(1000).after(10_000)), 10_000).await.0, 0);
}

#[tokio::test(start_paused = true)]
async fn pieces_are_small_and_the_length_stays_known() {
    let mut body = RateBody::new(Full::<Bytes>::from(vec![0; 1000]), Some(rate(1000)));
    assert_eq!(body.size_hint().exact(), Some(1000));
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(first.len(), 100);
    assert_eq!(body.size_hint().exact(), Some(900));
    assert!(!body.is_end_stream());
    let began = Instant::now();
    let second = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!((second.len(), began.elapsed().as_millis()), (100, 100));
}

#[tokio::test(start_paused = true)]
async fn what_trickles_slower_than_the_rate_is_not_held_back() {
    let mut tick = tokio::time::interval(Duration::from_millis(500));
    tick.reset();
    let mut body = std::pin::pin!(RateBody::new(Trickle { tick, left: 5 }, Some(rate(1000))));
    let began = Instant::now();
    let mut all = 0;
    while let Some(frame) = body.frame().await {
        all += frame.unwrap().data_ref().map_or(0, Bytes::len);
    }
    assert_eq!((all, began.elapsed().as_millis()), (250, 2500));
}

/// Frames of 50 bytes, one each tick.
struct Trickle {
    tick: tokio::time::Interval,
    left: usize,
}

impl Body for Trickle {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        ready!(self.tick.poll_tick(cx));
        self.left -= 1;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(vec![0; 50])))))
    }
}

#[tokio::test(start_paused = true)]
async fn the_service_may_say_it() {
    let check = async |said: &'static str, accel: bool, millis: u64| {
        let service = service_fn(move |_: Request<()>| async move {
            let body = Full::<Bytes>::from(vec![0; 2100]);
            Response::builder().header("x-accel-limit-rate", said).body(body)
        });
        let service = RateLayer::new(rate(2000)).accel(accel).layer(service);
        let began = Instant::now();
        let response = service.oneshot(Request::new(())).await.unwrap();
        let kept = response.headers().contains_key("x-accel-limit-rate");
        response.collect().await.unwrap();
        assert_eq!(began.elapsed().as_millis(), u128::from(millis), "{said}");
        kept
    };
    assert!(!check("1000", true, 2000).await);
    assert!(!check("0", true, 0).await);
    assert!(check("fast", true, 950).await);
    assert!(check("1000", false, 950).await);
}

#[tokio::test(start_paused = true)]
async fn the_rate_may_depend_on_the_request() {
    let layer = RateLayer::with(|head| (head.uri.path() == "/slow").then(|| rate(100)));
    let service = layer.layer(service_fn(async |_: Request<()>| {
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(vec![0; 110])))
    }));
    for (path, millis) in [("/slow", 1000), ("/fast", 0)] {
        let began = Instant::now();
        let response = service.clone().oneshot(Request::get(path).body(()).unwrap()).await.unwrap();
        response.collect().await.unwrap();
        assert_eq!(began.elapsed().as_millis(), millis, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn trailers_come_after_all_data() {
    let mut fields = HeaderMap::new();
    fields.insert("x-sum", "1".parse().unwrap());
    let inner = Full::<Bytes>::from(vec![0; 300]).with_trailers(std::future::ready(Some(Ok(fields))));
    let collected = RateBody::new(inner, Some(rate(1000))).collect().await.unwrap();
    assert_eq!(collected.trailers().unwrap()["x-sum"], "1");
    assert_eq!(collected.to_bytes().len(), 300);
}
