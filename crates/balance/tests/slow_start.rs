//! A peer that comes back: its share grows in a line.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::Duration;

use propylon_balance::{Balancer, Better, Group, Key, Method, Server};

const SLOW: Duration = Duration::from_secs(30);

/// The share of `count` picks that the second of two peers gets. Each is held for as long as `held` others.
fn share(balancer: &Balancer<()>, count: usize, held: usize) -> f64 {
    let (mut under_way, mut second) = (std::collections::VecDeque::new(), 0_u32);
    for _ in 0..count {
        let picked = balancer.pick(Key::None, None).unwrap();
        second += u32::from(&**picked.peer().server().name() == "second");
        under_way.push_back(picked);
        if under_way.len() > held {
            under_way.pop_front();
        }
    }
    f64::from(second) / f64::from(u32::try_from(count).unwrap())
}

async fn grows(method: Method, held: usize) {
    for weights in [(1, 1), (3, 2)] {
        let group = Group::new("g");
        group.set([
            Server::new("first", ()).weight(weights.0).slow_start(SLOW),
            Server::new("second", ()).weight(weights.1).slow_start(SLOW),
        ]);
        let balancer = Balancer::new(group.clone(), method).unwrap();
        let peers = group.peers();
        let second = peers.iter().nth(1).unwrap();
        group.set_healthy(second, false);
        tokio::time::advance(Duration::from_secs(5)).await;
        assert!(share(&balancer, 100, held) < f64::EPSILON, "it is out");
        group.set_healthy(second, true);
        for step in 1..=10_u32 {
            tokio::time::advance(SLOW / 10).await;
            // At the end of each tenth: so much of its weight, against all of the other's.
            let weight = f64::from(weights.1) * f64::from(step) / 10.0;
            let expected = weight / (weight + f64::from(weights.0));
            let got = share(&balancer, 2000, held);
            assert!(
                (got - expected).abs() <= expected * 0.2,
                "{method:?} {weights:?}: {got:.3} after {step} tenths, not {expected:.3}"
            );
        }
        tokio::time::advance(SLOW).await;
        let whole = f64::from(weights.1) / f64::from(weights.0 + weights.1);
        assert!(
            (share(&balancer, 2000, held) - whole).abs() < 0.01,
            "{method:?}: and no more than its share"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn in_turn() {
    grows(Method::RoundRobin, 0).await;
}

#[tokio::test(start_paused = true)]
async fn by_requests_under_way() {
    grows(Method::LeastConn, 100).await;
}

#[tokio::test(start_paused = true)]
async fn by_time() {
    grows(Method::LeastTime(Better::Header), 100).await;
}
