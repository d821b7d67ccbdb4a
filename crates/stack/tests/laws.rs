//! A boxed body, and one that can be replayed, obey the laws of bodies.

use std::fs::File;
use std::pin::Pin;
use std::sync::Arc;

use propylon_stack::Body;
use propylon_testkit::body::Script;
use propylon_testkit::laws;

#[test]
fn a_boxed_body_is_the_body_it_was() {
    laws::check_all(Body::new);
}

#[test]
fn a_body_boxed_twice_is_the_body_it_was() {
    laws::check_all(|script| Body::new(Body::new(script)));
}

#[test]
fn a_body_with_files_is_the_body_it_was() {
    laws::check_all(|script| Body::filed(script, |_| None));
}

#[test]
fn only_who_has_files_gives_them() {
    let take = |_: Pin<&mut Script>| Some((Arc::new(File::open("/dev/null").ok()?), 3..8));
    let part = |mut body: Body| body.take_file().map(|(_, range)| range);
    assert_eq!(part(Body::filed(Script::new(), take)), Some(3..8));
    assert_eq!(part(Body::new(Body::filed(Script::new(), take))), Some(3..8));
    for body in [Body::empty(), Body::from("text"), Body::new(Script::new())] {
        assert_eq!(part(body), None);
    }
}
