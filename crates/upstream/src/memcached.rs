//! memcached, by [`propylon_memcached`].

use http::{Extensions, Method, Request};
use propylon_memcached::{self as memcached, Config, Key};

use crate::connect::Socket;
use crate::connection::{self, Answer, Content, Failure, Outbound};
use crate::outgoing::Outgoing;
use crate::place::{Keeper, Place};
use crate::{Error, HeadFault};

/// A response body.
pub(crate) type Incoming = memcached::Body<Socket, Keeper>;

/// Sends `request` on the connection of this place.
pub(crate) async fn send(
    place: &Place,
    mut request: Request<Outgoing>,
    kept: bool,
) -> Result<Answer, Failure> {
    let Some(connection) = place.take() else {
        return Err(Failure::unsent(Outbound::Plain(request)));
    };
    let config = request.extensions_mut().remove::<Config>().unwrap_or_default();
    let copy = kept.then(|| copy(&request, config));
    let before = place.counters().received();
    match memcached::send(connection, request, config, place.keeper()).await {
        Ok(response) => {
            let (parts, mut body) = response.into_parts();
            let Some(value) = body.take_bytes() else {
                let content = Content::streaming(connection::Incoming::Memcached(Box::new(body)));
                return Ok(Answer { parts, content, heads: None });
            };
            // All that came besides: the line before it, and its end.
            let heads = place.counters().received() - before - value.len() as u64;
            Ok(Answer { parts, content: Content::Whole(value), heads: Some(heads) })
        }
        Err(failure) => {
            let sent = match failure {
                memcached::Error::NoKey => Some(false),
                memcached::Error::Closed { sent } | memcached::Error::Io { sent, .. } => Some(sent),
                _ => None,
            };
            let again = copy.filter(|_| sent.is_some()).map(Outbound::Plain);
            Err(Failure { error: error(failure), again, arrived: sent != Some(false) })
        }
    }
}

/// Leaves of a request's extensions what is for the connection, and adds how it is to be read.
pub(crate) fn keep_only(extensions: &mut Extensions, config: Config) {
    let key = extensions.remove::<Key>();
    extensions.clear();
    extensions.insert(config);
    if let Some(key) = key {
        extensions.insert(key);
    }
}

/// The same request: nothing is changed by it.
fn copy(request: &Request<Outgoing>, config: Config) -> Request<Outgoing> {
    let mut copy = Request::new(Outgoing::empty());
    *copy.method_mut() = if *request.method() == Method::HEAD { Method::HEAD } else { Method::GET };
    *copy.extensions_mut() = request.extensions().clone();
    copy.extensions_mut().insert(config);
    copy
}

pub(crate) fn error(error: memcached::Error) -> Error {
    match error {
        memcached::Error::NoKey => Error::NoKey,
        memcached::Error::Closed { sent } => Error::Closed { sent },
        memcached::Error::Io { sent, source } => Error::Io { sent, source },
        memcached::Error::Invalid(memcached::Fault::TooLarge) => Error::InvalidHead(HeadFault::TooLarge),
        memcached::Error::Invalid(fault) => Error::InvalidHead(HeadFault::InvalidReply(fault)),
        memcached::Error::InvalidBody(fault) => Error::InvalidReply(fault),
        memcached::Error::BodyIo { source } => Error::BodyIo { source },
        _ => Error::Truncated,
    }
}
