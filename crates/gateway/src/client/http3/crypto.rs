//! TLS for quinn: which server a client asks for is known only when it has begun to speak, as over TCP.

use std::any::Any;
use std::io;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use parking_lot::Mutex;
use propylon_exchange::Connection;
use propylon_tls::{Acceptor, QuicGreeting, QuicHandshake, initial_suite};
use quinn::crypto::{
    ExportKeyingMaterialError, HeaderKey, KeyPair, Keys, PacketKey, ServerConfig, Session, UnsupportedVersion,
};
use quinn::{ConnectionId, Side};
use quinn_proto::transport_parameters::TransportParameters;
use quinn_proto::{TransportError, TransportErrorCode};
use rustls::quic::{KeyChange, Secrets, Suite, Version};

use crate::error_log;
use crate::router::Listener;

/// The one version that is spoken (RFC 9000).
pub(super) const V1: u32 = 1;

/// With which keys a Retry shows that it is of somebody who has seen the client's packet (RFC 9001 5.8).
const RETRY_KEY: [u8; 16] =
    [0xbe, 0x0c, 0x69, 0x0b, 0x9f, 0x66, 0x57, 0x5a, 0x1d, 0x76, 0x6b, 0x54, 0xe3, 0x68, 0xc8, 0x4e];
const RETRY_NONCE: [u8; 12] = [0x46, 0x15, 0x99, 0xd3, 0x5d, 0x63, 0x2b, 0xf2, 0x23, 0x98, 0x25, 0xbb];

/// The alert of a server that does not go by that name (RFC 6066 3).
const UNRECOGNIZED_NAME: u8 = 112;

/// The alert of a server that has troubles of its own.
const INTERNAL_ERROR: u8 = 80;

/// The alert to what is no handshake.
const DECODE_ERROR: u8 = 50;

/// How TLS is spoken with one client, or with nobody yet.
pub(super) struct Serving {
    suite: Suite,
    /// Until the client has said what it wants: a configuration that was replaced is not kept for as long as a connection lasts.
    with: Mutex<Option<(Arc<Listener>, Connection)>>,
}

impl Serving {
    /// What is needed before there is a client.
    pub(super) fn nobody() -> io::Result<Arc<Self>> {
        let suite = initial_suite().ok_or(io::ErrorKind::Unsupported)?;
        Ok(Arc::new(Self { suite, with: Mutex::default() }))
    }

    /// What is needed for this one.
    pub(super) fn client(&self, listener: Arc<Listener>, connection: Connection) -> Arc<Self> {
        Arc::new(Self { suite: self.suite, with: Mutex::new(Some((listener, connection))) })
    }

    /// How the server speaks TLS that the client asks for.
    fn choose(&self, greeting: &QuicGreeting) -> Result<Acceptor, TransportError> {
        let name = greeting.server_name();
        let Some((listener, connection)) = self.with.lock().take() else {
            return Err(alert(INTERNAL_ERROR, "the handshake is already under way"));
        };
        let serving = listener.serving(name).filter(|serving| !serving.rejects);
        let serving = serving.ok_or_else(|| alert(UNRECOGNIZED_NAME, "no server for this name"))?;
        serving.quic_acceptor(&connection, name).map_err(|error| {
            error_log::at(listener.error_logs(name).as_ref(), || {
                tracing::error!(target: "propylon_gateway", client = %connection.peer, "{error} while SSL handshaking");
            });
            alert(INTERNAL_ERROR, "the certificate could not be loaded")
        })
    }
}

impl ServerConfig for Serving {
    fn initial_keys(&self, version: u32, dst_cid: &ConnectionId) -> Result<Keys, UnsupportedVersion> {
        if version == V1 { Ok(initial_keys(&self.suite, dst_cid)) } else { Err(UnsupportedVersion) }
    }

    fn retry_tag(&self, _: u32, orig_dst_cid: &ConnectionId, packet: &[u8]) -> [u8; 16] {
        let length = u8::try_from(orig_dst_cid.len()).unwrap_or_default();
        let pseudo = [&[length], &**orig_dst_cid, packet].concat();
        let sealed = UnboundKey::new(&AES_128_GCM, &RETRY_KEY).map(LessSafeKey::new).and_then(|key| {
            let nonce = Nonce::assume_unique_for_key(RETRY_NONCE); // it is no secret, and neither is the key
            key.seal_in_place_separate_tag(nonce, Aad::from(pseudo), &mut [])
        });
        // Without one, which cannot be, the client would not believe it.
        sealed.ok().and_then(|tag| tag.as_ref().try_into().ok()).unwrap_or_default()
    }

    fn start_session(self: Arc<Self>, _: u32, params: &TransportParameters) -> Box<dyn Session> {
        let mut written = Vec::new();
        params.write(&mut written);
        Box::new(Tls { serving: self, stage: Stage::Greeting { came: Vec::new(), params: written } })
    }
}

/// The TLS of one connection.
struct Tls {
    serving: Arc<Serving>,
    stage: Stage,
}

enum Stage {
    /// The client is still to say what it wants.
    Greeting {
        came: Vec<u8>,
        params: Vec<u8>,
    },
    Handshake {
        handshake: Box<QuicHandshake>,
        secrets: Option<Secrets>,
    },
}

impl Tls {
    fn handshake(&self) -> Option<&QuicHandshake> {
        match &self.stage {
            Stage::Greeting { .. } => None,
            Stage::Handshake { handshake, .. } => Some(handshake),
        }
    }
}

impl Session for Tls {
    fn initial_keys(&self, dst_cid: &ConnectionId, _: Side) -> Keys {
        initial_keys(&self.serving.suite, dst_cid)
    }

    fn handshake_data(&self) -> Option<Box<dyn Any>> {
        Some(Box::new(self.handshake()?.facts()))
    }

    fn peer_identity(&self) -> Option<Box<dyn Any>> {
        None // it is one of the facts
    }

    fn early_crypto(&self) -> Option<(Box<dyn HeaderKey>, Box<dyn PacketKey>)> {
        None // there is no early data
    }

    fn early_data_accepted(&self) -> Option<bool> {
        None
    }

    fn is_handshaking(&self) -> bool {
        self.handshake().is_none_or(|handshake| handshake.connection.is_handshaking())
    }

    fn read_handshake(&mut self, buf: &[u8]) -> Result<bool, TransportError> {
        match &mut self.stage {
            Stage::Handshake { handshake, .. } => read(handshake, buf).map(|()| false),
            Stage::Greeting { came, params } => {
                came.extend_from_slice(buf);
                let greeting =
                    QuicGreeting::read(came).map_err(|error| alert(DECODE_ERROR, &error.to_string()))?;
                let Some(greeting) = greeting else { return Ok(false) };
                let acceptor = self.serving.choose(&greeting)?;
                let handshake = greeting.accept(&acceptor, Version::V1, std::mem::take(params));
                let handshake = handshake.map_err(|error| alert(INTERNAL_ERROR, &error.to_string()))?;
                let mut handshake = Box::new(handshake);
                read(&mut handshake, came)?;
                self.stage = Stage::Handshake { handshake, secrets: None };
                Ok(true)
            }
        }
    }

    fn transport_parameters(&self) -> Result<Option<TransportParameters>, TransportError> {
        let params = self.handshake().and_then(|handshake| handshake.connection.quic_transport_parameters());
        let params =
            params.map(|mut params| TransportParameters::read(Side::Server, &mut params)).transpose()?;
        Ok(params)
    }

    fn write_handshake(&mut self, buf: &mut Vec<u8>) -> Option<Keys> {
        let Stage::Handshake { handshake, secrets } = &mut self.stage else { return None };
        let keys = match handshake.connection.write_hs(buf)? {
            KeyChange::Handshake { keys } => keys,
            KeyChange::OneRtt { keys, next } => {
                *secrets = Some(next);
                keys
            }
        };
        Some(boxed(keys))
    }

    fn next_1rtt_keys(&mut self) -> Option<KeyPair<Box<dyn PacketKey>>> {
        let Stage::Handshake { secrets: Some(secrets), .. } = &mut self.stage else { return None };
        let keys = secrets.next_packet_keys();
        Some(KeyPair { local: Box::new(keys.local), remote: Box::new(keys.remote) })
    }

    fn is_valid_retry(&self, _: &ConnectionId, _: &[u8], _: &[u8]) -> bool {
        false // of servers it is that they come
    }

    fn export_keying_material(
        &self,
        output: &mut [u8],
        label: &[u8],
        context: &[u8],
    ) -> Result<(), ExportKeyingMaterialError> {
        let handshake = self.handshake().ok_or(ExportKeyingMaterialError)?;
        let exported = handshake.connection.export_keying_material(output, label, Some(context));
        exported.map(drop).map_err(|_| ExportKeyingMaterialError)
    }
}

fn read(handshake: &mut QuicHandshake, bytes: &[u8]) -> Result<(), TransportError> {
    handshake.connection.read_hs(bytes).map_err(|error| match handshake.connection.alert() {
        Some(alerted) => alert(alerted.into(), &error.to_string()),
        None => alert(INTERNAL_ERROR, &error.to_string()),
    })
}

fn alert(alert: u8, why: &str) -> TransportError {
    TransportError { code: TransportErrorCode::crypto(alert), frame: None, reason: why.to_owned() }
}

fn initial_keys(suite: &Suite, dst_cid: &ConnectionId) -> Keys {
    boxed(suite.keys(dst_cid, rustls::Side::Server, Version::V1))
}

fn boxed(keys: rustls::quic::Keys) -> Keys {
    Keys {
        header: KeyPair { local: Box::new(keys.local.header), remote: Box::new(keys.remote.header) },
        packet: KeyPair { local: Box::new(keys.local.packet), remote: Box::new(keys.remote.packet) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9001 A.4.
    #[test]
    fn a_retry_has_the_tag_of_the_rfc() {
        let cid = ConnectionId::new(&[0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08]);
        let packet = b"\xff\x00\x00\x00\x01\x00\x08\xf0\x67\xa5\x50\x2a\x42\x62\xb5token";
        let tag = Serving::nobody().unwrap().retry_tag(V1, &cid, packet);
        let expected =
            [0x04, 0xa2, 0x65, 0xba, 0x2e, 0xff, 0x4d, 0x82, 0x90, 0x58, 0xfb, 0x3f, 0x0f, 0x24, 0x96, 0xba];
        assert_eq!(tag, expected);
    }
}
