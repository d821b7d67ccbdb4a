//! What it costs to read a path, to find a location among many, and to write the upstream's request line.

#![expect(clippy::expect_used, reason = "the inputs are written here")]

use std::hint::black_box;

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use propylon_gateway::routing::{
    Location, LocationMatch, Locations, Path, ServerNames, Slashes, UriPart, request_target,
};

const SIZES: [usize; 3] = [10, 100, 1000];

/// One half prefixes, a tenth of the rest exact, in nginx's usual shape.
fn locations(count: usize) -> Locations {
    let list = (0..count)
        .map(|n| {
            let text = match n {
                0 => "/".to_owned(),
                n if n % 3 == 0 => format!("= /exact/{n}"),
                n => format!("/service-{n}/api/"),
            };
            Location::new(n, LocationMatch::parse(&text).expect("a location")).passes()
        })
        .collect();
    Locations::build(list).expect("locations")
}

fn location(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("location");
    for count in SIZES {
        let locations = locations(count);
        let last = count - if (count - 1) % 3 == 0 { 2 } else { 1 };
        for (kind, path) in [
            ("prefix", format!("/service-{last}/api/users/42")),
            ("exact", format!("/exact/{}", count / 2 / 3 * 3)),
            ("root", "/index.html".to_owned()),
        ] {
            let path = Bytes::from(path);
            group.bench_with_input(BenchmarkId::new(kind, count), &path, |bencher, path| {
                bencher.iter(|| locations.find(black_box(path)));
            });
        }
    }
    group.finish();
}

fn server(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("server");
    for count in SIZES {
        let mut builder = ServerNames::builder();
        for n in 0..count {
            let name = if n % 2 == 0 {
                format!("www.site-{n}.example.com")
            } else {
                format!("*.site-{n}.example.com")
            };
            let _ = builder.add(n, &name).expect("a name");
        }
        let names = builder.build();
        for (kind, host) in [("exact", "www.site-4.example.com"), ("wildcard", "a.site-5.example.com")] {
            let host = Bytes::from(host);
            group.bench_with_input(BenchmarkId::new(kind, count), &host, |bencher, host| {
                bencher.iter(|| names.find(black_box(host)));
            });
        }
    }
    group.finish();
}

fn path(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("path");
    for (kind, raw) in
        [("plain", "/service/api/users/42?fields=name,email"), ("encoded", "/service//a%20b/../c%2Fd?x=1")]
    {
        let raw = Bytes::from(raw);
        group.bench_function(BenchmarkId::new("parse", kind), |bencher| {
            bencher.iter(|| Path::parse(black_box(raw.clone()), Slashes::Merge));
        });
        let path = Path::parse(raw, Slashes::Merge).expect("a path");
        for (part, name) in [(UriPart::None, "raw"), (UriPart::Static(b"/v1/"), "replaced")] {
            group.bench_function(BenchmarkId::new(format!("request-target-{name}"), kind), |bencher| {
                bencher.iter(|| request_target(black_box(&path), 9, part));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, location, server, path);
criterion_main!(benches);
