use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::*;
use crate::source::Asking;

/// Answers from a list; the last one for ever.
#[derive(Clone)]
struct Script(Arc<Scripted>);

struct Scripted {
    answers: Mutex<VecDeque<Result<Found, Error>>>,
    asked: AtomicUsize,
    /// A permit lets one query answer.
    gate: Semaphore,
}

impl Script {
    fn new(answers: impl IntoIterator<Item = Result<Found, Error>>) -> Self {
        let answers = Mutex::new(answers.into_iter().collect());
        Self(Arc::new(Scripted { answers, asked: AtomicUsize::new(0), gate: Semaphore::new(1000) }))
    }

    fn asked(&self) -> usize {
        self.0.asked.load(SeqCst)
    }

    fn resolver(&self, builder: &Builder) -> Resolver {
        builder.with(Box::new(self.clone()), Handle::current())
    }
}

impl Source for Script {
    fn ask<'a>(&'a self, _: &'a Question) -> Asking<'a> {
        Box::pin(async move {
            self.0.asked.fetch_add(1, SeqCst);
            self.0.gate.acquire().await.unwrap().forget();
            let mut answers = self.0.answers.lock();
            if answers.len() > 1 { answers.pop_front().unwrap() } else { answers.front().unwrap().clone() }
        })
    }
}

fn found(ips: &[&str], ttl: u64) -> Result<Found, Error> {
    let endpoints = ips.iter().map(|ip| Endpoint::from(ip.parse::<IpAddr>().unwrap())).collect();
    Ok(Found { endpoints, ttl: Duration::from_secs(ttl), partial: None })
}

fn silence() -> Result<Found, Error> {
    Err(Error::failed("a.test", "connection refused"))
}

async fn ips(resolver: &Resolver) -> String {
    match resolver.lookup("a.test").await {
        Ok(ips) => ips.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
        Err(error) => error.to_string(),
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_used_for_its_time_to_live() {
    let script = Script::new([found(&["10.0.0.1"], 10), found(&["10.0.0.2"], 10)]);
    let resolver = script.resolver(&Resolver::builder());
    assert_eq!(ips(&resolver).await, "10.0.0.1");
    tokio::time::advance(Duration::from_secs(9)).await;
    assert_eq!(ips(&resolver).await, "10.0.0.1");
    assert_eq!(script.asked(), 1);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(ips(&resolver).await, "10.0.0.2");
}

#[tokio::test(start_paused = true)]
async fn valid_wins_over_the_time_to_live() {
    let script = Script::new([found(&["10.0.0.1"], 1), found(&["10.0.0.2"], 1)]);
    let resolver = script.resolver(&Resolver::builder().valid(Duration::from_secs(300)));
    assert_eq!(ips(&resolver).await, "10.0.0.1");
    tokio::time::advance(Duration::from_secs(299)).await;
    assert_eq!(ips(&resolver).await, "10.0.0.1");
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(ips(&resolver).await, "10.0.0.2");
}

#[tokio::test(start_paused = true)]
async fn the_old_answer_stands_in_while_nobody_answers() {
    let script = Script::new([found(&["10.0.0.1"], 10), silence(), silence(), found(&["10.0.0.2"], 10)]);
    let resolver = script.resolver(&Resolver::builder());
    assert_eq!(ips(&resolver).await, "10.0.0.1");
    tokio::time::advance(Duration::from_secs(11)).await;
    assert_eq!(ips(&resolver).await, "10.0.0.1", "the query failed");
    assert_eq!(ips(&resolver).await, "10.0.0.1", "and is not repeated at once");
    assert_eq!(script.asked(), 2);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(ips(&resolver).await, "10.0.0.1");
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(ips(&resolver).await, "10.0.0.2", "back again");
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_costs_a_second_at_most_while_there_is_an_old_answer() {
    let script = Script::new([found(&["10.0.0.1"], 10), found(&["10.0.0.2"], 10)]);
    let resolver = script.resolver(&Resolver::builder());
    assert_eq!(ips(&resolver).await, "10.0.0.1");
    script.0.gate.forget_permits(1000);
    tokio::time::advance(Duration::from_secs(11)).await;
    let before = Instant::now();
    assert_eq!(ips(&resolver).await, "10.0.0.1");
    assert_eq!(before.elapsed(), PATIENCE);
    script.0.gate.add_permits(1);
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
    assert_eq!(ips(&resolver).await, "10.0.0.2", "the query went on");
}

#[tokio::test(start_paused = true)]
async fn an_old_answer_is_not_given_for_ever() {
    let script = Script::new([found(&["10.0.0.1"], 10), silence()]);
    let resolver = script.resolver(&Resolver::builder());
    assert_eq!(ips(&resolver).await, "10.0.0.1");
    tokio::time::advance(crate::cache::STALE + Duration::from_secs(11)).await;
    assert_eq!(ips(&resolver).await, "a.test could not be resolved (2: Server failure): connection refused");
}

#[tokio::test(start_paused = true)]
async fn what_is_gone_is_gone_and_asked_for_again_soon() {
    let script = Script::new([found(&["10.0.0.1"], 10), found(&[], 0), found(&["10.0.0.2"], 10)]);
    let resolver = script.resolver(&Resolver::builder());
    assert_eq!(ips(&resolver).await, "10.0.0.1");
    tokio::time::advance(Duration::from_secs(11)).await;
    assert_eq!(ips(&resolver).await, "a.test could not be resolved (3: Host not found)");
    tokio::time::advance(crate::cache::NEGATIVE).await;
    assert_eq!(ips(&resolver).await, "10.0.0.2");
}

#[tokio::test(start_paused = true)]
async fn many_who_ask_are_one_query() {
    let script = Script::new([found(&["10.0.0.1"], 10)]);
    let resolver = script.resolver(&Resolver::builder());
    let (a, b, c) = tokio::join!(ips(&resolver), ips(&resolver), ips(&resolver));
    assert_eq!((a.as_str(), b.as_str(), c.as_str()), ("10.0.0.1", "10.0.0.1", "10.0.0.1"));
    assert_eq!(script.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_query_outlives_who_asked() {
    let script = Script::new([found(&["10.0.0.1"], 10)]);
    script.0.gate.forget_permits(1000);
    let resolver = script.resolver(&Resolver::builder());
    let impatient = tokio::time::timeout(Duration::from_millis(5), ips(&resolver)).await;
    assert!(impatient.is_err());
    script.0.gate.add_permits(1);
    assert_eq!(ips(&resolver).await, "10.0.0.1");
    assert_eq!(script.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn no_answer_in_time_is_an_error() {
    let script = Script::new([found(&["10.0.0.1"], 10)]);
    script.0.gate.forget_permits(1000);
    let resolver = script.resolver(&Resolver::builder().timeout(Duration::from_secs(3)));
    let before = Instant::now();
    assert_eq!(ips(&resolver).await, "a.test could not be resolved (110: Operation timed out)");
    assert_eq!(before.elapsed(), Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn a_bounded_number_of_names_is_remembered() {
    let script = Script::new([found(&["10.0.0.1"], 10)]);
    let resolver = script.resolver(&Resolver::builder().names(8));
    for n in 0..100 {
        resolver.lookup(&format!("n{n}.test")).await.unwrap();
        assert!(resolver.0.cache.len() <= 8);
    }
}

#[tokio::test(start_paused = true)]
async fn an_address_is_its_own_answer_and_nonsense_is_not_asked() {
    let script = Script::new([found(&["10.0.0.1"], 10)]);
    let resolver = script.resolver(&Resolver::builder());
    assert_eq!(resolver.lookup("[::1]").await.unwrap(), ["::1".parse::<IpAddr>().unwrap()]);
    assert_eq!(resolver.lookup("127.0.0.1").await.unwrap(), ["127.0.0.1".parse::<IpAddr>().unwrap()]);
    for bad in ["", ".", "a..b", "a b", "a\nb", "ü.test", &"a".repeat(64), &"a.".repeat(200)] {
        assert!(matches!(resolver.lookup(bad).await, Err(Error::Invalid { .. })), "{bad}");
    }
    assert_eq!(script.asked(), 0);
    assert_eq!(resolver.lookup("A.Test.").await.unwrap().len(), 1);
    assert_eq!(ips(&resolver).await, "10.0.0.1");
    assert_eq!(script.asked(), 1, "case and the last dot do not matter");
}

#[tokio::test(start_paused = true)]
async fn a_watch_tells_changes_and_nothing_else() {
    let script = Script::new([
        found(&["10.0.0.1", "10.0.0.2"], 10),
        found(&["10.0.0.2", "10.0.0.1"], 10),
        silence(),
        found(&["10.0.0.3"], 0),
        found(&[], 0),
        found(&["10.0.0.3"], 10),
    ]);
    let resolver = script.resolver(&Resolver::builder());
    let mut watch = resolver.watch(Question::host("a.test"));
    let begin = Instant::now();
    let mut seen = Vec::new();
    for _ in 0..4 {
        let answer = watch.changed().await.map(|found| found.len());
        seen.push((begin.elapsed().as_secs(), answer.map_err(|error| error.is_final())));
    }
    assert_eq!(seen, [(0, Ok(2)), (21, Ok(1)), (22, Err(true)), (27, Ok(1))]);
}

#[tokio::test(start_paused = true)]
async fn a_watch_begins_with_the_error_too() {
    let script = Script::new([silence(), silence(), found(&["10.0.0.1"], 10)]);
    let resolver = script.resolver(&Resolver::builder());
    let mut watch = resolver.watch(Question::host("a.test"));
    assert!(watch.changed().await.is_err());
    assert_eq!(watch.changed().await.unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn half_an_answer_takes_the_place_of_no_whole_one_and_is_short_lived() {
    let half = || found(&["10.0.0.1"], 60).map(|found| Found { partial: silence().err(), ..found });
    let whole = found(&["10.0.0.1", "10.0.0.2"], 60);
    let script = Script::new([half(), whole, half()]);
    let resolver = script.resolver(&Resolver::builder());
    assert_eq!(ips(&resolver).await, "10.0.0.1");
    tokio::time::advance(Duration::from_secs(5)).await;
    assert_eq!(ips(&resolver).await, "10.0.0.1 10.0.0.2");
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(ips(&resolver).await, "10.0.0.1 10.0.0.2", "the whole one stays");
    assert_eq!(script.asked(), 3);
}
