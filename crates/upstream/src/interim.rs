//! Interim responses on their way to the client (RFC 9110 15.2).

use std::fmt;
use std::sync::Arc;

use http::header::{DATE, SERVER};
use http::{Extensions, HeaderMap, StatusCode};
use propylon_exchange::Exchange;
use propylon_h1::server::Interim;

use crate::head::remove_hop_by_hop;

/// Which interim responses go on to whoever hears of them.
#[derive(Clone, Default)]
pub enum Interims {
    /// All.
    #[default]
    Passed,
    /// None.
    Dropped,
    /// Those of which it is said so when they come.
    Judged(Arc<JudgeInterim>),
}

/// Whether an interim response goes on; its fields may be changed. Without an exchange none is there to be asked.
pub type JudgeInterim = dyn Fn(Option<&Exchange>, &mut HeaderMap) -> bool + Send + Sync;

impl fmt::Debug for Interims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Passed => "Passed",
            Self::Dropped => "Dropped",
            Self::Judged(_) => "Judged(..)",
        })
    }
}

/// Who wants to hear of the interim responses to one request.
#[derive(Clone)]
pub(crate) struct Listener {
    to: Interim,
    judged: Option<(Arc<JudgeInterim>, Option<Exchange>)>,
}

impl Listener {
    /// The one that a request's extensions name, if it may hear of any.
    pub(crate) fn of(extensions: &mut Extensions, interims: &Interims) -> Option<Self> {
        let judge = match interims {
            Interims::Dropped => return None,
            Interims::Passed => None,
            Interims::Judged(judge) => Some(judge),
        };
        let to = extensions.remove::<Interim>()?;
        Some(Self { to, judged: judge.map(|judge| (Arc::clone(judge), extensions.get().cloned())) })
    }

    /// Passes one on, without what is between the peer and us.
    pub(crate) fn pass(&self, status: StatusCode, headers: &mut HeaderMap) {
        if status == StatusCode::CONTINUE {
            return; // it answers what this hop expected, not the client
        }
        remove_hop_by_hop(headers);
        remove_own(headers);
        let judged = self.judged.as_ref();
        if judged.is_none_or(|(judge, exchange)| judge(exchange.as_ref(), headers)) {
            let _ = self.to.send(status, headers); // too late, or too many: the client can do without
        }
    }
}

/// Removes what a peer says of itself, and its orders to whoever asks it: they are for us.
fn remove_own(headers: &mut HeaderMap) {
    const ORDERS: [&str; 5] =
        ["x-accel-expires", "x-accel-redirect", "x-accel-limit-rate", "x-accel-buffering", "x-accel-charset"];
    headers.remove(DATE);
    headers.remove(SERVER);
    for name in ["x-pad"].iter().chain(&ORDERS) {
        headers.remove(*name);
    }
}
