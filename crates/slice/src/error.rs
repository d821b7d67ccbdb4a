use std::ops::Range;

use http::StatusCode;

/// A response that is no slice of what was asked for. Behind the response's head it is the error of its body: the message is cut.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What followed a slice is none.
    #[error("unexpected status code {} in slice response", .0.as_u16())]
    Status(StatusCode),
    /// The representation is not the one that the slices before were of.
    #[error("slice response is from another version: its ETag, Last-Modified or length differs")]
    Changed,
    /// `Content-Range` is not there, or says nothing.
    #[error("invalid range in slice response")]
    Range,
    /// Nobody knows how long all of it is.
    #[error("no complete length in slice response")]
    Length,
    /// Other bytes came than were asked for.
    #[error("unexpected range in slice response: {}-{}, expected: {}-{}", .found.start, .found.end, .expected.start, .expected.end)]
    Unexpected {
        /// What came.
        found: Range<u64>,
        /// What was asked for.
        expected: Range<u64>,
    },
    /// The slice is shorter than it says, or longer.
    #[error("the body of the slice response is longer or shorter than announced")]
    Body,
}
