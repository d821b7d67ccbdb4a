/// A body that ended before its length said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the response ended {missing} bytes before the end of the range")]
pub struct Error {
    /// How many bytes of the range did not come.
    pub missing: u64,
}
