//! uwsgi and SCGI, by [`propylon_cgi`]: no task, and no connection that is kept. What is CGI's over FastCGI too is here.

use std::sync::Arc;

use http::{Extensions, Request, Response};
use propylon_cgi::{self as cgi, Config, Counters, Params, Reason};

use crate::connect::Socket;
use crate::connection::{self, Answer, Content, Failure, Outbound};
use crate::idle::State;
use crate::outgoing::Outgoing;
use crate::{Error, HeadFault, http1};

/// A response body.
pub(crate) type Incoming = cgi::Body<Socket, Outgoing>;

/// An established connection: for one request.
#[derive(Debug)]
pub(crate) struct Connection {
    fresh: Option<cgi::Connection<Socket>>,
    counters: Arc<Counters>,
}

impl Connection {
    pub(crate) fn open(socket: Socket) -> Self {
        let connection = cgi::Connection::new(socket);
        let counters = Arc::clone(connection.counters());
        Self { fresh: Some(connection), counters }
    }

    pub(crate) fn state(&self) -> State {
        if self.fresh.is_some() { State::Ready } else { State::Dead }
    }

    pub(crate) fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    pub(crate) async fn send(&mut self, mut request: Request<Outgoing>) -> Result<Answer, Failure> {
        let Some(connection) = self.fresh.take() else {
            return Err(Failure::unsent(Outbound::Plain(request)));
        };
        let Some(config) = request.extensions_mut().remove::<Arc<Config>>() else {
            return Err(Failure::fatal(Error::Closed { sent: false })); // another protocol's
        };
        match cgi::send(connection, request, &config).await {
            Ok(response) => Ok(answer(response, |incoming| connection::Incoming::Cgi(Box::new(incoming)))),
            Err(failure) => {
                let unsent = matches!(
                    failure,
                    cgi::Error::Request(_)
                        | cgi::Error::Closed { sent: false }
                        | cgi::Error::Io { sent: false, .. }
                );
                Err(Failure { error: error(failure), again: None, arrived: !unsent })
            }
        }
    }
}

/// Leaves of a request's extensions what is for the connection, and adds how it is to be sent.
pub(crate) fn keep_only<C: Send + Sync + 'static>(extensions: &mut Extensions, config: &Arc<C>) {
    let params = extensions.remove::<Params>();
    extensions.clear();
    extensions.insert(Arc::clone(config));
    if let Some(params) = params {
        extensions.insert(params);
    }
}

/// What an application answered, whichever protocol carried it.
pub(crate) fn answer<B>(response: Response<B>, incoming: impl FnOnce(B) -> connection::Incoming) -> Answer {
    let (mut parts, body) = response.into_parts();
    if let Some(Reason(reason)) = parts.extensions.remove() {
        http1::set_reason(&mut parts.extensions, reason.to_vec());
        if let Ok(reason) = propylon_h1::Reason::new(reason) {
            parts.extensions.insert(reason);
        }
    }
    Answer { parts, content: Content::streaming(incoming(body)), heads: None }
}

pub(crate) fn error(error: cgi::Error) -> Error {
    match error {
        cgi::Error::Request(cgi::RequestFault::Length) => Error::LengthRequired,
        cgi::Error::Request(fault) => Error::InvalidParams(fault),
        cgi::Error::Closed { sent } => Error::Closed { sent },
        cgi::Error::Io { sent, source } => Error::Io { sent, source },
        cgi::Error::Head(fault) => Error::InvalidHead(head(fault)),
        cgi::Error::RequestBody { source } => Error::RequestBody { source },
        cgi::Error::BodyIo { source } => Error::BodyIo { source },
        _ => Error::Truncated,
    }
}

/// What is wrong with a head.
pub(crate) fn head(fault: cgi::HeadFault) -> HeadFault {
    match fault {
        cgi::HeadFault::TooLarge => HeadFault::TooLarge,
        cgi::HeadFault::Status => HeadFault::InvalidStatus,
        cgi::HeadFault::Length => HeadFault::InvalidLength,
        _ => HeadFault::Syntax,
    }
}
