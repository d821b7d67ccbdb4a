//! The secrets of connections in a file, in the format of NSS (`SSLKEYLOGFILE`), which Wireshark reads.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use crate::error::BuildError;

/// Lines are added to its end, each in one piece: several logs and several processes may have the same file.
#[derive(Debug)]
struct KeyLog(File);

/// Opens a file; one that is not there is made, for its owner alone.
pub(crate) fn open(path: &Path) -> Result<Arc<dyn rustls::KeyLog>, BuildError> {
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
    let file =
        file.map_err(|error| BuildError::File { path: path.to_owned(), problem: error.to_string() })?;
    Ok(Arc::new(KeyLog(file)))
}

impl rustls::KeyLog for KeyLog {
    /// A disk that is full is no reason to serve nobody: what cannot be written is not there.
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let _ = (&self.0).write_all(line(label, client_random, secret).as_bytes());
    }
}

fn line(label: &str, client_random: &[u8], secret: &[u8]) -> String {
    let mut line = String::with_capacity(label.len() + 2 * (client_random.len() + secret.len()) + 3);
    line.push_str(label);
    for bytes in [client_random, secret] {
        line.push(' ');
        for byte in bytes {
            let _ = write!(line, "{byte:02x}"); // a text has room
        }
    }
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_as_nss_has_them() {
        assert_eq!(line("CLIENT_RANDOM", &[0x00, 0xab], &[0x0f]), "CLIENT_RANDOM 00ab 0f\n");
    }
}
