use std::io;

/// Why a token does not let a request in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// There is none.
    #[error("no JSON Web Token was provided")]
    NoToken,
    /// It is longer than any token is.
    #[error("the JSON Web Token is too long")]
    TooLong,
    /// It is not three parts of base64url, the first two of them JSON objects, or a claim is not what it has to be.
    #[error("the JSON Web Token is malformed")]
    Malformed,
    /// Its header says that something has to be understood that is not (RFC 7515, 4.1.11).
    #[error("the JSON Web Token has an unknown critical extension")]
    Critical,
    /// It is not signed, or in a way that is not known.
    #[error("the JSON Web Token uses an unsupported algorithm")]
    Algorithm,
    /// No key has its `kid`, or none is for its algorithm.
    #[error("no key matches the JSON Web Token")]
    NoKey,
    /// No such key has signed it.
    #[error("the signature of the JSON Web Token is invalid")]
    Signature,
    /// It is good no more.
    #[error("the JSON Web Token has expired")]
    Expired,
    /// It is not good yet.
    #[error("the JSON Web Token is not valid yet")]
    NotYet,
}

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// It is not the JSON of a key, or of a set of them.
    #[error("invalid JSON Web Key Set: {0}")]
    Json(#[from] serde_json::Error),
    /// It is JSON, but neither a key nor a set of them.
    #[error("invalid JSON Web Key Set: expected `keys` or a single key")]
    NoSet,
    /// There is no key in it that a signature can be checked with.
    #[error("no key in the JSON Web Key Set can verify signatures")]
    NoKey,
    /// It is larger than sets of keys are.
    #[error("the JSON Web Key Set is too large")]
    TooLarge,
    /// The file cannot be read.
    #[error("open() \"{file}\" failed ({source})")]
    File {
        /// The file.
        file: String,
        /// Why.
        source: io::Error,
    },
    /// What is in the file is none.
    #[error("\"{file}\": {source}")]
    In {
        /// The file.
        file: String,
        /// What is wrong with it.
        source: Box<Self>,
    },
    /// The file came to no end: a bug of this crate, or of what it uses.
    #[error("reading the keys did not finish")]
    Unfinished,
}
