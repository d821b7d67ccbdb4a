//! How long a pick takes, by method and number of peers.
#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark")]

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use propylon_balance::{Balancer, Better, Group, Key, Method, Server};

fn pick(criterion: &mut Criterion) {
    let methods = [
        ("round_robin", Method::RoundRobin),
        ("least_conn", Method::LeastConn),
        ("ip_hash", Method::IpHash),
        ("hash", Method::Hash),
        ("consistent", Method::Consistent),
        ("random", Method::Random),
        ("random_two", Method::RandomTwo(Better::LeastConn)),
        ("random_two_header", Method::RandomTwo(Better::Header)),
        ("random_two_last_byte", Method::RandomTwo(Better::LastByte)),
        ("least_time_header", Method::LeastTime(Better::Header)),
        ("least_time_last_byte", Method::LeastTime(Better::LastByte)),
        ("least_time_header_inflight", Method::LeastTime(Better::HeaderInflight)),
        ("least_time_last_byte_inflight", Method::LeastTime(Better::LastByteInflight)),
        ("peak_ewma", Method::PeakEwma),
    ];
    for (name, method) in methods {
        let mut bench = criterion.benchmark_group(name);
        for count in [10, 100, 1000] {
            let group = Group::new("g");
            group.set((0..count).map(|n| Server::new(format!("10.0.{}.{}:80", n / 250, n % 250), ())));
            let balancer = Balancer::new(group, method).unwrap();
            let key = match method {
                Method::IpHash => Key::Address("192.0.2.77".parse().unwrap()),
                Method::Hash | Method::Consistent => Key::Bytes(b"/some/uri?with=arguments"),
                _ => Key::None,
            };
            bench.bench_function(BenchmarkId::from_parameter(count), |b| {
                b.iter(|| balancer.pick(key, None).unwrap())
            });
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    targets = pick
}
criterion_main!(benches);
