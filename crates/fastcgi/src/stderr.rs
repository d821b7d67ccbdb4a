//! What an application says to whoever runs it.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use memchr::memmem;

/// How much is heard at once.
const MOST: usize = 2048;

/// Who hears what the application writes to its standard error. A request extension that [`send`](crate::send) reads; without it
/// that is lost. It comes in pieces of some 2 KiB, without the line's end.
///
/// ```
/// use propylon_fastcgi::Stderr;
///
/// let stderr = Stderr::new(|text| eprintln!("php: {}", String::from_utf8_lossy(text)));
/// # let _ = stderr;
/// ```
#[derive(Clone)]
pub struct Stderr(Arc<Hears>);

type Hears = dyn Fn(&[u8]) + Send + Sync;

impl Stderr {
    /// Calls this.
    #[must_use]
    pub fn new(hears: impl Fn(&[u8]) + Send + Sync + 'static) -> Self {
        Self(Arc::new(hears))
    }
}

impl fmt::Debug for Stderr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stderr").finish_non_exhaustive()
    }
}

/// Puts pieces together, and looks for what is to be caught in them.
#[derive(Debug, Default)]
pub(crate) struct Said {
    listener: Option<Stderr>,
    text: Vec<u8>,
    /// How much of `text` was heard already, and is only there for what is to be caught.
    heard: usize,
}

impl Said {
    pub(crate) fn new(listener: Option<Stderr>) -> Self {
        Self { listener, text: Vec::new(), heard: 0 }
    }

    /// One more piece. Whether what is to be caught is in it, or in it and what came before.
    pub(crate) fn push(&mut self, piece: &[u8], caught: &[Bytes]) -> bool {
        self.text.extend_from_slice(piece);
        let found = caught.iter().any(|caught| memmem::find(&self.text, caught).is_some());
        if self.text.len() - self.heard >= MOST {
            self.hear();
        }
        // What may be the beginning of what is to be caught.
        let kept = caught.iter().map(|caught| caught.len().saturating_sub(1)).max().unwrap_or(0);
        let done = self.heard.min(self.text.len().saturating_sub(kept));
        self.text.drain(..done);
        self.heard -= done;
        found
    }

    /// What has come is heard.
    pub(crate) fn hear(&mut self) {
        let text = self.text.get(self.heard..).unwrap_or_default().trim_ascii_end();
        if let Some(listener) = self.listener.as_ref().filter(|_| !text.is_empty()) {
            (listener.0)(text);
        }
        self.heard = self.text.len();
    }
}

impl Drop for Said {
    fn drop(&mut self) {
        self.hear();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// What is heard, and whether something was caught.
    fn said(pieces: &[&str], caught: &[&str]) -> (Vec<String>, bool) {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let to = heard.clone();
        let hears = move |text: &[u8]| to.lock().unwrap().push(String::from_utf8(text.to_vec()).unwrap());
        let mut said = Said::new(Some(Stderr::new(hears)));
        let caught: Vec<Bytes> = caught.iter().map(|text| Bytes::copy_from_slice(text.as_bytes())).collect();
        let found = pieces.iter().filter(|piece| said.push(piece.as_bytes(), &caught)).count() > 0;
        drop(said);
        let heard = heard.lock().unwrap().clone();
        (heard, found)
    }

    #[test]
    fn pieces_are_one_text() {
        assert_eq!(said(&["PHP ", "Warning\r\n"], &[]), (vec!["PHP Warning".into()], false));
        assert_eq!(said(&["\n"], &[]), (vec![], false));
        let long = "x".repeat(MOST);
        assert_eq!(said(&[&long, "rest"], &[]), (vec![long.clone(), "rest".into()], false));
    }

    #[test]
    fn catches_over_pieces() {
        assert!(said(&["PHP Fa", "tal"], &["Fatal"]).1);
        assert!(said(&[&"x".repeat(MOST), "Fa", "ta", "l error"], &["no", "Fatal error"]).1);
        assert!(!said(&["Fa", "l"], &["Fatal"]).1);
        let long = "x".repeat(MOST * 2) + "Fa";
        let (heard, found) = said(&[&long, "tal"], &["Fatal"]);
        assert_eq!((heard.concat(), found), (long + "tal", true));
    }
}
