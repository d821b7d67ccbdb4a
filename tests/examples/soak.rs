//! Ten thousand keepalive clients for a minute, with a reload every second. By hand:
//!
//! ```sh
//! cargo build --release -p propylon
//! ulimit -n 30000
//! PROPYLON_BIN=target/release/propylon cargo run --release -p propylon-tests --example soak [CLIENTS [SECONDS [PACE]]]
//! ```
//!
//! PACE is how many seconds a client rests after each answer. A machine that has no time for the load shows in the
//! descriptors: requests pile up, each with an upstream connection of its own, and memory tells of that.
//!
//! It is well when no request failed, memory at the end is within 5 % of what it was after 20 seconds, and the
//! descriptors are back to where they were.
#![allow(clippy::expect_used, clippy::print_stdout, reason = "a tool for the terminal")]

use std::env::args;
use std::process::ExitCode;
use std::time::Duration;

use propylon_tests::soak::Soak;

fn main() -> ExitCode {
    let number = |at, default| args().nth(at).map_or(default, |text| text.parse().expect("a number"));
    let time = Duration::from_secs(number(2, 60));
    let clients = usize::try_from(number(1, 10_000)).expect("a number of clients");
    let soak = Soak {
        clients,
        time,
        pace: Duration::from_secs(number(3, 5)),
        reload: Duration::from_secs(1),
        settle: time / 3,
    };
    println!("{soak:?}");
    let outcome = soak.run();
    print!("{outcome}");
    let back = outcome.descriptors_after <= outcome.descriptors_before;
    if outcome.failed == 0 && outcome.growth() <= 5.0 && back { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
