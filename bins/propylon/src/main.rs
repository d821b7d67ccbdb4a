//! The `propylon` binary.
fn main() {}
