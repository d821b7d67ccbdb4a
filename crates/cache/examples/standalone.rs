//! The dates that a cache understands: `cargo run -p propylon-cache --example standalone`.
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use propylon_cache::policy::date;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    for text in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "02.01.18"] {
        println!("{text}: {:?}", date::parse(text.as_bytes(), 0));
    }
}
