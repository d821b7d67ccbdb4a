//! By which cookie a request's client is known again: what `$uid_got` and `$uid_set` are made from. Who gives ids is not known here.

use std::any::Any;
use std::sync::Arc;

use bytes::Bytes;
use propylon_exchange::Exchange;

use crate::state;

/// Who knows clients by a cookie.
pub trait UserIds: Send + Sync {
    /// The cookie that the client has: its name, `=`, and the id.
    fn got(&self, exchange: &Exchange) -> Option<Bytes>;

    /// The cookie that the client gets, in the same form.
    fn set(&self, exchange: &Exchange) -> Option<Bytes>;

    /// Itself, for who has told it.
    fn as_any(&self) -> &dyn Any;
}

/// The request's client is known by this one until the request is at [another place](crate::set_place).
pub fn set_user_ids(exchange: &Exchange, ids: Arc<dyn UserIds>) {
    state::write(exchange, |facts| facts.few().user_ids = Some(ids));
}

/// By whom the request's client is known.
#[must_use]
pub fn user_ids(exchange: &Exchange) -> Option<Arc<dyn UserIds>> {
    state::few(exchange, |few| few.user_ids.clone())
}

/// The value of `$uid_got`.
#[inline(never)] // few logs have it
pub(crate) fn got(exchange: &Exchange) -> Option<Bytes> {
    user_ids(exchange)?.got(exchange)
}

/// The value of `$uid_set`.
#[inline(never)] // few logs have it
pub(crate) fn set(exchange: &Exchange) -> Option<Bytes> {
    user_ids(exchange)?.set(exchange)
}
