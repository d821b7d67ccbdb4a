//! FastCGI, by [`propylon_fastcgi`].

use std::sync::Arc;

use http::{Extensions, Request};
use propylon_fastcgi::{self as fastcgi, Config, Stderr};

use crate::connect::Socket;
use crate::connection::{self, Answer, Failure, Outbound};
use crate::outgoing::Outgoing;
use crate::place::{Keeper, Place};
use crate::{Error, HeadFault, cgi};

/// A response body.
pub(crate) type Incoming = fastcgi::Body<Socket, Outgoing, Keeper>;

/// Sends `request` on the connection of this place.
pub(crate) async fn send(
    place: &Place,
    mut request: Request<Outgoing>,
    kept: bool,
) -> Result<Answer, Failure> {
    let Some(connection) = place.take() else {
        return Err(Failure::unsent(Outbound::Plain(request)));
    };
    let idempotent = request.method().is_idempotent();
    let copy = (kept && request.body().is_empty()).then(|| copy(&request));
    // What cannot be repeated is worth a look at the socket before it is sent.
    if kept && !(idempotent && copy.is_some()) && !connection.io().is_silent() {
        return Err(Failure::unsent(Outbound::Plain(request)));
    }
    let config = request.extensions_mut().remove::<Arc<Config>>().unwrap_or_default();
    match fastcgi::send(connection, request, config, place.keeper()).await {
        Ok(response) => {
            Ok(cgi::answer(response, |incoming| connection::Incoming::FastCgi(Box::new(incoming))))
        }
        Err(failure) => {
            let sent = match failure {
                fastcgi::Error::Closed { sent } | fastcgi::Error::Io { sent, .. } => Some(sent),
                _ => None,
            };
            let harmless = sent.is_some_and(|sent| idempotent || !sent);
            let again = copy.filter(|_| harmless).map(Outbound::Plain);
            Err(Failure { error: error(failure), again, arrived: sent != Some(false) })
        }
    }
}

/// Leaves of a request's extensions what is for the connection, and adds how it is to be sent.
pub(crate) fn keep_only(extensions: &mut Extensions, config: &Arc<Config>) {
    let stderr = extensions.remove::<Stderr>();
    cgi::keep_only(extensions, config);
    if let Some(stderr) = stderr {
        extensions.insert(stderr);
    }
}

/// The same request, without a body.
fn copy(request: &Request<Outgoing>) -> Request<Outgoing> {
    let mut copy = Request::new(Outgoing::empty());
    *copy.method_mut() = request.method().clone();
    *copy.extensions_mut() = request.extensions().clone();
    copy
}

pub(crate) fn error(error: fastcgi::Error) -> Error {
    match error {
        fastcgi::Error::Closed { sent } => Error::Closed { sent },
        fastcgi::Error::Io { sent, source } => Error::Io { sent, source },
        fastcgi::Error::Invalid(invalid) => Error::InvalidHead(HeadFault::InvalidRecord(invalid)),
        fastcgi::Error::Head(fault) => Error::InvalidHead(cgi::head(fault)),
        fastcgi::Error::NoHead => Error::InvalidHead(HeadFault::NoHead),
        fastcgi::Error::Caught => Error::InvalidHead(HeadFault::Caught),
        fastcgi::Error::RequestBody { source } => Error::RequestBody { source },
        fastcgi::Error::InvalidBody(invalid) => Error::InvalidRecord(invalid),
        fastcgi::Error::BodyIo { source } => Error::BodyIo { source },
        _ => Error::Truncated,
    }
}
