//! Peers for those who send no requests.

use std::time::Duration;

use propylon_balance::{Balancer, Error, GroupBuilder, Key, Method, Server};
use tokio::time::{Instant, sleep};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn whoever_finds_no_place_waits_in_the_queue() {
    let group = GroupBuilder::new("backend").queue(1, MINUTE).build();
    group.set([Server::new("a", ()).max_conns(1)]);
    let balancer = Balancer::new(group, Method::RoundRobin).unwrap();
    let (held, waited) = balancer.pick_or_queue(Key::None, None).await.unwrap();
    assert_eq!(waited, None);
    let waiting = tokio::spawn({
        let balancer = balancer.clone();
        async move { balancer.pick_or_queue(Key::None, None).await }
    });
    sleep(Duration::from_secs(7)).await;
    let full = balancer.pick_or_queue(Key::None, None).await.unwrap_err();
    assert!(matches!(full, Error::QueueFull { .. }), "{full}");
    drop(held);
    let (held, waited) = waiting.await.unwrap().unwrap();
    assert_eq!(waited, Some(Duration::from_secs(7)));
    let since = Instant::now();
    let late = balancer.pick_or_queue(Key::None, None).await.unwrap_err();
    assert!(matches!(late, Error::QueueTimeout { .. }), "{late}");
    assert_eq!(since.elapsed(), MINUTE);
    drop(held);
}
