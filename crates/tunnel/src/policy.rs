use http::{Extensions, Response};

use crate::BoxError;

/// How the layer gets at the two ends, and what is done with them: what only whoever runs the server and the client knows.
pub trait Policy<B> {
    /// The client's end, as long as nobody has it.
    type Client;

    /// Takes the client's end out of a request's extensions, if the request asks for another protocol.
    fn client(&self, request: &mut Extensions) -> Option<Self::Client>;

    /// The upstream has switched: sees to it that the two ends are joined once the response has left, and returns the response
    /// for the client.
    ///
    /// # Errors
    /// Whatever keeps the ends from being joined: the service fails with it.
    fn join(&self, client: Self::Client, response: Response<B>) -> Result<Response<B>, BoxError>;
}
