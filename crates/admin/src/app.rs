//! What every request is answered from.

use jiff::Timestamp;
use propylon_gateway::insight::Insight;

use crate::page::Policy;
use crate::reloads::Reloading;

/// What every request is answered from.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) insight: Insight,
    pub(crate) reloading: Reloading,
    pub(crate) started: Timestamp,
    pub(crate) policy: Policy,
}
