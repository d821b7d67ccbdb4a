//! A boxed body, and one that can be replayed, obey the laws of bodies.

use propylon_stack::Body;
use propylon_testkit::laws;

#[test]
fn a_boxed_body_is_the_body_it_was() {
    laws::check_all(Body::new);
}

#[test]
fn a_body_boxed_twice_is_the_body_it_was() {
    laws::check_all(|script| Body::new(Body::new(script)));
}
