/// Why a response of 101 cannot be obeyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The upstream switched to another protocol, and this client has not asked for one.
    #[error("upstream switched protocols, which the client did not request")]
    NotAsked,
}
