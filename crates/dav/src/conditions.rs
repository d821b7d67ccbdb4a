//! What must be so before anything is changed (RFC 9110 13.1): who writes over what he has read does not undo what others wrote since.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header::{IF_MATCH, IF_NONE_MATCH, IF_UNMODIFIED_SINCE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use rustix::fs::Stat;

use crate::Failure;
use crate::place::{Place, is_directory};

/// The conditions of a request.
#[derive(Debug, Default)]
pub(crate) struct Conditions {
    matches: Vec<HeaderValue>,
    matches_none: Vec<HeaderValue>,
    unmodified_since: Option<SystemTime>,
}

impl Conditions {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let all = |name: HeaderName| headers.get_all(name).iter().cloned().collect::<Vec<_>>();
        let matches = all(IF_MATCH);
        let date = headers.get(IF_UNMODIFIED_SINCE).filter(|_| matches.is_empty()); // RFC 9110 13.1.4
        let unmodified_since = date.and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
        Self { matches, matches_none: all(IF_NONE_MATCH), unmodified_since }
    }

    fn any(&self) -> bool {
        self.unmodified_since.is_some() || !(self.matches.is_empty() && self.matches_none.is_empty())
    }

    /// Held from the look to a change that takes no time: of two that look at once, neither would see the other.
    pub(crate) fn turn(&self) -> Option<MutexGuard<'static, ()>> {
        static TURN: Mutex<()> = Mutex::new(());
        self.any().then(|| TURN.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Fails with 412 if they do not hold for what is at a place.
    pub(crate) fn check(&self, place: &Place, there: impl FnOnce() -> Option<Stat>) -> Result<(), Failure> {
        if !self.any() || self.hold(there().as_ref()) {
            return Ok(());
        }
        let what = "does not meet the conditions of the request";
        Err(Failure::is(StatusCode::PRECONDITION_FAILED, &place.path, what))
    }

    fn hold(&self, there: Option<&Stat>) -> bool {
        let tag = there.filter(|stat| !is_directory(stat)).map(tag);
        let lists = |lines: &[HeaderValue], weakly| there.is_some() && lists(lines, tag.as_deref(), weakly);
        // Of what is not there, nothing says when it was changed.
        let unmodified = |since| there.is_none_or(|stat| modified(stat) <= since);
        (self.matches.is_empty() || lists(&self.matches, false))
            && !lists(&self.matches_none, true)
            && self.unmodified_since.is_none_or(unmodified)
    }
}

/// The tag that whoever serves files of nginx's kind gives this one.
fn tag(stat: &Stat) -> String {
    format!("\"{:x}-{:x}\"", seconds(stat), stat.st_size)
}

fn seconds(stat: &Stat) -> u64 {
    u64::try_from(stat.st_mtime).unwrap_or_default()
}

fn modified(stat: &Stat) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds(stat))
}

/// Whether a tag is among these, or `*` is, which is anything that is there. `weakly`: as well as weak ones (RFC 9110 8.8.3.2).
fn lists(lines: &[HeaderValue], tag: Option<&str>, weakly: bool) -> bool {
    // Tags of others may have commas in them, and what is between these is none of ours.
    let mut all = lines.iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    let listed = |tag: &str| {
        all.any(|one| {
            let one = one.trim_ascii();
            let strong = if weakly { one.strip_prefix(b"W/").unwrap_or(one) } else { one };
            tag.as_bytes() == strong
        })
    };
    lines.iter().any(|line| line.as_bytes().trim_ascii() == b"*") || tag.is_some_and(listed)
}
