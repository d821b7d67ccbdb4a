/// Why a body with additions ended before its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The body of the response itself failed.
    #[error("the response's body failed")]
    Response(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// What was to be added could not be had, or ended before its end.
    #[error("the text added to the response's body failed")]
    Addition(#[source] Box<dyn std::error::Error + Send + Sync>),
}
