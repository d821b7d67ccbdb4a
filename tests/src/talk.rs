//! What a test expects of a connection whose bytes are passed on, and of the log line.

use std::thread;

use crate::{Stream, lossy};

/// The next bytes are these.
pub fn exactly(stream: &mut Stream, expected: &[u8]) {
    let mut got = Vec::new();
    stream.exactly(expected.len(), &mut got).unwrap();
    assert!(got == expected, "{} bytes differ from what was sent", expected.len());
}

/// Nothing more comes but the end.
pub fn silent(stream: &mut Stream) {
    let mut rest = Vec::new();
    stream.to_end(&mut rest).unwrap();
    assert_eq!(lossy(&rest), "");
}

/// Both say more at once than buffers hold, and each hears all of it.
pub fn both_at_once(one: &mut Stream, other: &mut Stream) {
    let large: &[u8] = &(0..=255).cycle().take(3 << 20).collect::<Vec<u8>>();
    thread::scope(|scope| {
        for mut from in [one.handle().unwrap(), other.handle().unwrap()] {
            scope.spawn(move || from.send(large).unwrap());
        }
        exactly(one, large);
        exactly(other, large);
    });
}

/// The value of this name in a log line of `name=value`.
pub fn logged<'a>(line: &'a str, name: &str) -> &'a str {
    let value = line.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    value.unwrap_or_else(|| panic!("no {name} in {line:?}"))
}
