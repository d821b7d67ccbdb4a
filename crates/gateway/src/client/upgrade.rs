//! A client's connection that may become another protocol's.

use std::sync::Arc;

use http::header::{CONNECTION, UPGRADE};
use http::{HeaderMap, Version};
use parking_lot::Mutex;
use propylon_h1::server::{OnUpgrade, Upgraded};
use tokio::sync::oneshot;

use super::multiplexed::Key;

/// The client's end of a request that asks for another protocol, as an extension of the request: whoever takes it has it.
#[derive(Clone)]
pub(crate) struct ClientEnd(Arc<Mutex<Option<HandOver>>>);

/// Brings the client's stream when the response that hands it over has left.
pub(crate) enum HandOver {
    H1(OnUpgrade),
    Hyper(oneshot::Receiver<Upgraded>),
    /// And what the upstream has to answer to the key that it was given.
    Http2(oneshot::Receiver<Upgraded>, Key),
}

impl ClientEnd {
    pub(crate) fn new(hand_over: HandOver) -> Self {
        Self(Arc::new(Mutex::new(Some(hand_over))))
    }

    /// The end, for the first who asks.
    pub(crate) fn take(&self) -> Option<HandOver> {
        self.0.lock().take()
    }
}

impl HandOver {
    /// The stream; `None` if the response did not leave.
    pub(crate) async fn stream(self) -> Option<Upgraded> {
        match self {
            Self::H1(on_upgrade) => on_upgrade.await.ok(),
            Self::Hyper(receiver) | Self::Http2(receiver, _) => receiver.await.ok(),
        }
    }

    /// Whether the upstream has answered as the client's protocol wants it; what is of no use to the client is removed.
    pub(crate) fn accepts(&self, headers: &mut HeaderMap) -> bool {
        match self {
            Self::H1(_) | Self::Hyper(_) => true, // the client judges
            Self::Http2(_, key) => key.take_answer(headers),
        }
    }
}

/// Whether a request asks for another protocol (RFC 9110 7.8): `Upgrade`, named by `Connection`, in HTTP/1.1.
pub(super) fn asks(version: Version, headers: &HeaderMap) -> bool {
    let names_it = |value: &http::HeaderValue| {
        value
            .as_bytes()
            .split(|&byte| byte == b',')
            .any(|option| option.trim_ascii().eq_ignore_ascii_case(b"upgrade"))
    };
    version == Version::HTTP_11
        && headers.contains_key(UPGRADE)
        && headers.get_all(CONNECTION).iter().any(names_it)
}
