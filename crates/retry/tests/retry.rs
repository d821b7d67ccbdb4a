//! Which requests are tried again, and which are not.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Method, Request, Response, StatusCode};
use propylon_retry::{Budget, Condition, Conditions, Failure, Policy, Refused, RetryLayer};
use tower::{Layer, ServiceExt, service_fn};

/// What a scripted peer does: a status, or an error before or after the request was sent.
#[derive(Clone, Copy, Debug)]
enum Does {
    Answer(u16),
    Refuse,
    Reset,
    Stall(u64),
}
use Does::{Answer, Refuse, Reset, Stall};

#[derive(Clone, Debug, PartialEq)]
struct Sent(bool);

#[derive(Clone)]
struct Scripted {
    peers: usize,
    replayable: bool,
    log: Arc<Mutex<Vec<Refused>>>,
}

impl Policy<(), (), Sent> for Scripted {
    fn peers(&self) -> usize {
        self.peers
    }

    fn try_clone(&self, request: &mut Request<()>) -> Option<Request<()>> {
        self.replayable.then(|| request.clone())
    }

    fn failure(&self, result: Result<&Response<()>, &Sent>) -> Option<Failure> {
        match result {
            Ok(response) if response.status().is_success() => None,
            Ok(response) => Some(Failure { condition: Condition::Status(response.status()), sent: true }),
            Err(Sent(sent)) => Some(Failure { condition: Condition::Error, sent: *sent }),
        }
    }

    fn refused(&self, _: Failure, why: Refused) {
        self.log.lock().unwrap().push(why);
    }
}

/// One request through a layer over peers that do this, one after the other: what came of it, how many were asked, and why it
/// went no further.
async fn run(
    change: impl FnOnce(RetryLayer<Scripted>) -> RetryLayer<Scripted>,
    method: Method,
    replayable: bool,
    script: &[Does],
) -> (Result<u16, Sent>, usize, Option<Refused>) {
    let left = Arc::new(Mutex::new(script.iter().copied().collect::<VecDeque<_>>()));
    let log = Arc::default();
    let policy = Scripted { peers: script.len(), replayable, log: Arc::clone(&log) };
    let peers = service_fn({
        let left = Arc::clone(&left);
        move |_: Request<()>| {
            let does = left.lock().unwrap().pop_front().unwrap();
            async move {
                match does {
                    Answer(status) => {
                        let mut response = Response::new(());
                        *response.status_mut() = StatusCode::from_u16(status).unwrap();
                        Ok(response)
                    }
                    Refuse => Err(Sent(false)),
                    Reset => Err(Sent(true)),
                    Stall(seconds) => {
                        tokio::time::sleep(Duration::from_secs(seconds)).await;
                        Err(Sent(true))
                    }
                }
            }
        }
    });
    let request = Request::builder().method(method).body(()).unwrap();
    let result = change(RetryLayer::new(policy)).layer(peers).oneshot(request).await;
    let asked = script.len() - left.lock().unwrap().len();
    let why = log.lock().unwrap().last().copied();
    (result.map(|response| response.status().as_u16()), asked, why)
}

#[tokio::test]
async fn what_is_tried_again() {
    let lock = Method::from_bytes(b"LOCK").unwrap();
    let all = Conditions::default() | Conditions::NON_IDEMPOTENT;
    let with_503 = Conditions::default() | Conditions::HTTP_503;
    let on = Conditions::default();
    for (on, method, script, expected) in [
        (on, Method::GET, &[Refuse, Answer(200)][..], (Ok(200), 2, None)),
        (on, Method::GET, &[Reset, Answer(200)], (Ok(200), 2, None)),
        (on, Method::GET, &[Reset, Refuse, Answer(200)], (Ok(200), 3, None)),
        (on, Method::GET, &[Reset, Refuse], (Err(Sent(false)), 2, Some(Refused::Tries))),
        (on, Method::PUT, &[Reset, Answer(200)], (Ok(200), 2, None)),
        (on, Method::POST, &[Refuse, Answer(200)], (Ok(200), 2, None)),
        (on, Method::POST, &[Reset, Answer(200)], (Err(Sent(true)), 1, Some(Refused::NonIdempotent))),
        (on, Method::PATCH, &[Reset, Answer(200)], (Err(Sent(true)), 1, Some(Refused::NonIdempotent))),
        (on, lock, &[Reset, Answer(200)], (Err(Sent(true)), 1, Some(Refused::NonIdempotent))),
        (all, Method::POST, &[Reset, Answer(200)], (Ok(200), 2, None)),
        (on, Method::GET, &[Answer(503), Answer(200)], (Ok(503), 1, Some(Refused::Condition))),
        (with_503, Method::GET, &[Answer(503), Answer(200)], (Ok(200), 2, None)),
        (with_503, Method::GET, &[Answer(503), Answer(503)], (Ok(503), 2, Some(Refused::Tries))),
        (with_503, Method::POST, &[Answer(503), Answer(200)], (Ok(503), 1, Some(Refused::NonIdempotent))),
        (Conditions::NONE, Method::GET, &[Refuse, Answer(200)], (Err(Sent(false)), 1, None)),
        (on, Method::GET, &[Refuse], (Err(Sent(false)), 1, None)),
        (on, Method::GET, &[Answer(404), Answer(200)], (Ok(404), 1, Some(Refused::Condition))),
    ] {
        let found = run(|layer| layer.on(on), method.clone(), true, script).await;
        assert_eq!(found, expected, "{method} {script:?} {on:?}");
    }
}

#[tokio::test]
async fn a_body_that_is_gone_is_not_sent_again() {
    let found = run(|layer| layer, Method::PUT, false, &[Refuse, Answer(200)]).await;
    assert_eq!(found, (Err(Sent(false)), 1, Some(Refused::Body)));
}

#[tokio::test]
async fn tries_are_counted() {
    let script = [Refuse, Refuse, Answer(200)];
    assert_eq!(
        run(|layer| layer.tries(2), Method::GET, true, &script).await,
        (Err(Sent(false)), 2, Some(Refused::Tries))
    );
    assert_eq!(run(|layer| layer.tries(1), Method::GET, true, &script).await, (Err(Sent(false)), 1, None));
    assert_eq!(run(|layer| layer.tries(9), Method::GET, true, &script).await, (Ok(200), 3, None));
}

#[tokio::test(start_paused = true)]
async fn the_time_for_all_tries() {
    let script = [Stall(3), Stall(3), Answer(200)];
    let within = |seconds| move |layer: RetryLayer<Scripted>| layer.timeout(Duration::from_secs(seconds));
    assert_eq!(
        run(within(6), Method::GET, true, &script).await,
        (Err(Sent(true)), 2, Some(Refused::Timeout))
    );
    assert_eq!(run(within(7), Method::GET, true, &script).await, (Ok(200), 3, None));
}

#[tokio::test(start_paused = true)]
async fn a_budget_for_what_reached_somebody() {
    let none = |layer: RetryLayer<Scripted>| layer.budget(Budget { percent: 0, floor: 0 });
    assert_eq!(
        run(none, Method::GET, true, &[Reset, Answer(200)]).await,
        (Err(Sent(true)), 1, Some(Refused::Budget))
    );
    assert_eq!(run(none, Method::GET, true, &[Refuse, Answer(200)]).await, (Ok(200), 2, None));
    assert_eq!(
        run(|layer| layer.budget(None), Method::GET, true, &[Reset, Answer(200)]).await,
        (Ok(200), 2, None)
    );
}

#[tokio::test(start_paused = true)]
async fn all_services_of_a_layer_spend_the_same_budget() {
    let failing = service_fn(|_: Request<()>| async { Err::<Response<()>, _>(Sent(true)) });
    for (percent, floor, requests, expected) in [(30, 0, 1000, 300), (51, 0, 100, 51), (0, 2, 100, 20)] {
        let policy = Scripted { peers: 2, replayable: true, log: Arc::default() };
        let layer = RetryLayer::new(policy.clone()).budget(Budget { percent, floor });
        for _ in 0..requests {
            layer.layer(failing).oneshot(Request::new(())).await.unwrap_err();
        }
        let count = |why: Refused| policy.log.lock().unwrap().iter().filter(|&&other| other == why).count();
        assert_eq!((count(Refused::Tries), count(Refused::Budget)), (expected, requests - expected));
    }
}
