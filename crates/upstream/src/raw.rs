//! Connections for whatever is spoken on them.

use http::Extensions;
use propylon_exchange::Exchange;

use crate::attempt::Attempt;
use crate::connect::connect;
use crate::special::Special;
use crate::{Error, Peer, Transport, Upgraded};

impl Transport {
    /// Opens a connection for whatever is spoken on it: within the connect timeout, from the [`Bind`](crate::Bind) and with the
    /// [`Greeting`](crate::Greeting) among `extensions`, secured for the [`ServerName`](crate::ServerName) there. It is no pool's. If
    /// there is an [`Exchange`] among them, it is a try of that one, which lasts for as long as the stream.
    ///
    /// # Errors
    /// [`Error::class`] is that there was no connection, or that it could not be secured.
    pub async fn connect(&self, peer: &Peer, extensions: &Extensions) -> Result<Upgraded, Error> {
        let attempt = extensions.get::<Exchange>().map(|exchange| Attempt::open(exchange, peer));
        let special = Special::of(self, extensions);
        let connected = connect(peer, self, special.as_deref()).await;
        if let Some(attempt) = &attempt {
            match &connected {
                Ok(_) => attempt.opened(),
                Err(error) => attempt.failed(error.status()),
            }
        }
        let greeting = special.as_ref().and_then(|special| special.greeting.as_ref());
        Ok(Upgraded::opened(connected?, greeting.map_or(0, |greeting| greeting.0.len()), attempt))
    }
}
