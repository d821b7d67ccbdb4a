//! Bytes for the eyes of whoever reads a failed test.

/// The bytes as text, what is not UTF-8 replaced.
pub fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The bytes on one line, everything odd as an escape: what goes into a failure message or a shell's `printf`.
pub fn printable(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}
