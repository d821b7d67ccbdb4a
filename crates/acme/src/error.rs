//! What goes wrong between here and a certificate.

use std::io;
use std::path::{Path, PathBuf};

use http::StatusCode;
use instant_acme::Problem;

/// Why there is no new certificate, or no keeper of certificates.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The authority refuses, and says why (RFC 7807).
    #[error("the CA refused the request: {}", shown(.0))]
    Refused(Problem),
    /// The authority has looked for its challenge, and did not find what it expects.
    #[error("the CA could not validate {name}: {}", shown(.problem))]
    Unvalidated {
        /// The name.
        name: String,
        /// What the authority says.
        problem: Problem,
    },
    /// An answer that is none of the protocol's.
    #[error("the CA responded with status {0}")]
    Status(StatusCode),
    /// It cannot be reached.
    #[error("the CA cannot be reached: {0}")]
    Unreachable(String),
    /// It takes too long.
    #[error("timed out waiting for the CA")]
    Timeout,
    /// It does not offer the challenge.
    #[error("the CA does not offer {challenge} for {name}")]
    NotOffered {
        /// The challenge.
        challenge: &'static str,
        /// The name.
        name: String,
    },
    /// What it says is not to be understood.
    #[error("invalid response from the CA: {0}")]
    Answer(String),
    /// A file of the state cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is no good.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A setting is no good.
    #[error("{0}")]
    Setting(String),
    /// A library has failed.
    #[error("{0}")]
    Library(String),
}

impl Error {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { path: path.into(), source }
    }

    pub(crate) fn file(path: &Path, problem: &dyn std::fmt::Display) -> Self {
        Self::File { path: path.into(), problem: problem.to_string() }
    }

    pub(crate) fn library(error: impl std::fmt::Display) -> Self {
        Self::Library(error.to_string())
    }

    /// Whether the authority no longer knows the account.
    pub(crate) fn is_for_account(&self) -> bool {
        matches!(self, Self::Refused(problem) if is(problem, "accountDoesNotExist"))
    }

    /// Whether it may be for what an order says that it replaces (RFC 9773) that it is refused. Authorities do not agree on the
    /// problem: of a certificate of another account, or of one that they do not know, they say unauthorized, malformed or
    /// serverInternal; and some take the order and say nothing of what it replaces.
    pub(crate) fn may_be_for_replacement(&self) -> bool {
        const OTHERS: [&str; 3] = ["accountDoesNotExist", "userActionRequired", "rateLimited"];
        match self {
            Self::Refused(problem) => !OTHERS.iter().any(|kind| is(problem, kind)),
            Self::Status(status) => {
                !matches!(*status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE)
            }
            Self::Answer(_) => true,
            _ => false,
        }
    }
}

impl From<instant_acme::Error> for Error {
    fn from(error: instant_acme::Error) -> Self {
        use instant_acme::Error as Theirs;
        match error {
            Theirs::Api(problem) => Self::Refused(problem),
            Theirs::Timeout(_) => Self::Timeout,
            Theirs::Other(other) => match other.downcast::<Self>() {
                Ok(own) => *own,
                Err(other) => Self::Answer(other.to_string()),
            },
            other => Self::Answer(other.to_string()),
        }
    }
}

fn is(problem: &Problem, kind: &str) -> bool {
    problem.r#type.as_ref().and_then(|all| all.strip_prefix("urn:ietf:params:acme:error:")) == Some(kind)
}

/// A problem as a log shows it, on one line: who reads it did not write it.
fn shown(problem: &Problem) -> String {
    let mut text = problem.detail.clone().unwrap_or_else(|| "no reason is given".into());
    for sub in &problem.subproblems {
        text.push_str("; ");
        text.push_str(&sub.to_string());
    }
    if let Some(kind) = &problem.r#type {
        text.push_str(" (");
        text.push_str(kind);
        text.push(')');
    }
    text.chars().take(1000).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_are_shown_on_one_line() {
        let problem = Problem {
            r#type: Some("urn:ietf:params:acme:error:rateLimited".into()),
            detail: Some("too many\nof them".into()),
            status: Some(429),
            subproblems: Vec::new(),
        };
        let error = Error::from(instant_acme::Error::Api(problem));
        assert_eq!(
            error.to_string(),
            "the CA refused the request: too many of them (urn:ietf:params:acme:error:rateLimited)"
        );
        assert!(!error.is_for_account());
        assert!(!error.may_be_for_replacement());
        let own = instant_acme::Error::Other(Box::new(Error::Status(StatusCode::BAD_GATEWAY)));
        assert_eq!(Error::from(own).to_string(), "the CA responded with status 502 Bad Gateway");
    }

    #[test]
    fn what_may_be_for_the_certificate_that_is_replaced() {
        let refused = |kind: &str| {
            let kind = Some(format!("urn:ietf:params:acme:error:{kind}"));
            Error::Refused(Problem { r#type: kind, detail: None, status: None, subproblems: Vec::new() })
        };
        for kind in ["alreadyReplaced", "malformed", "unauthorized", "serverInternal"] {
            assert!(refused(kind).may_be_for_replacement(), "{kind}");
        }
        for kind in ["accountDoesNotExist", "userActionRequired", "rateLimited"] {
            assert!(!refused(kind).may_be_for_replacement(), "{kind}");
        }
        assert!(Error::Answer("replaces field mismatch".into()).may_be_for_replacement());
        assert!(!Error::Status(StatusCode::SERVICE_UNAVAILABLE).may_be_for_replacement());
        assert!(!Error::Unreachable(String::new()).may_be_for_replacement());
    }
}
