use std::sync::Arc;

use http::StatusCode;
use propylon_auth_jwt::Refused;

type Source = Arc<dyn std::error::Error + Send + Sync>;

/// Why somebody is not let in who came back from a provider, or cannot be sent there.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There was no answer.
    #[error("cannot fetch {what}: {source}")]
    Unreachable {
        /// Of what.
        what: &'static str,
        /// Why.
        source: Source,
    },
    /// There was one that is of no use.
    #[error("cannot fetch {what}: unexpected status {status}")]
    Status {
        /// Of what.
        what: &'static str,
        /// Its status.
        status: StatusCode,
    },
    /// What came is not what it should be.
    #[error("{what} is invalid: {why}")]
    Answer {
        /// What.
        what: &'static str,
        /// Why.
        why: Box<str>,
    },
    /// The provider is another one than it should be.
    #[error("unexpected issuer \"{}\" in the provider's metadata", .0.escape_debug())]
    Issuer(Box<str>),
    /// The provider lacks something.
    #[error("the provider's metadata has no {0}")]
    Lacks(&'static str),
    /// What the provider wants to know its clients by is not known here.
    #[error("the provider supports neither `client_secret_basic` nor `client_secret_post`")]
    Method,
    /// The code is not good: it was used, or is not for this client.
    #[error("the provider rejected the authorization code: {}", .0.escape_debug())]
    Code(Box<str>),
    /// The provider says that it does not let the user in.
    #[error("the provider returned the error \"{}\"{}{}", .error.escape_debug(), if .description.is_empty() { "" } else { ": " }, .description.escape_debug())]
    Denied {
        /// The error, as OpenID Connect names it.
        error: Box<str>,
        /// What else it says.
        description: Box<str>,
    },
    /// What came back is of no login that was begun here, by this browser, not long ago.
    #[error("login failed: {0}")]
    State(&'static str),
    /// The ID token is no good.
    #[error("invalid ID token: {0}")]
    Token(#[from] Refused),
    /// What it says is not what it has to.
    #[error("invalid ID token: {0}")]
    Claim(&'static str),
    /// What is said of the user is said of another one.
    #[error("the response of the userinfo endpoint is for another subject")]
    Subject,
    /// There is no room for another session.
    #[error("the session cannot be stored: {0}")]
    Full(Box<str>),
    /// A logout of somebody else.
    #[error("invalid logout request: expected `iss` of this provider and `sid`, or neither")]
    Logout,
}

impl Error {
    pub(crate) fn answer(what: &'static str, why: &impl ToString) -> Self {
        Self::Answer { what, why: why.to_string().into() }
    }

    /// The status of the answer: 400 for what a browser has mixed up, 403 for whom the provider does not let in, 502 for what the provider
    /// does wrong, 500 for what is wrong here.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::State(_) | Self::Logout => StatusCode::BAD_REQUEST,
            Self::Denied { error, .. } if matches!(&**error, "server_error" | "temporarily_unavailable") => {
                StatusCode::BAD_GATEWAY
            }
            Self::Denied { .. } | Self::Code(_) | Self::Token(_) | Self::Claim(_) | Self::Subject => {
                StatusCode::FORBIDDEN
            }
            Self::Full(_) | Self::Method => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_GATEWAY,
        }
    }
}
