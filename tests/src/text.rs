//! Bytes for the eyes of whoever reads a failed test.

use std::io::Write;
use std::process::{Command, Stdio};

/// The bytes as text, what is not UTF-8 replaced.
pub fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The bytes on one line, everything odd as an escape: what goes into a failure message or a shell's `printf`.
pub fn printable(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

/// What gzip made of a text.
pub fn gunzip(body: &[u8]) -> String {
    let mut command = Command::new("gzip");
    let mut child = command.arg("-dc").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(body).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "this is not what gzip makes");
    lossy(&output.stdout)
}
