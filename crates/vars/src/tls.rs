//! What a TLS handshake with the client brought, and what the client's certificate says.

use propylon_exchange::{ClientCertificate, Exchange};

use crate::clock;
use crate::out::Out;

/// Variables of a client's TLS; none of them has a value on a plain connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tls {
    Protocol,
    Cipher,
    Curve,
    Alpn,
    ServerName,
    SessionId,
    SessionReused,
    OfferedCiphers,
    OfferedCurves,
    EarlyData,
    /// Whether the client's certificate is to be trusted.
    Verify,
    Client(Client),
}

/// Variables of a client's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    Pem,
    Indented,
    Escaped,
    Fingerprint,
    Issuer,
    IssuerLegacy,
    Subject,
    SubjectLegacy,
    Serial,
    Start,
    End,
    Remain,
}

impl Tls {
    /// Writes the value; says whether there is one. As in nginx, an empty one is none.
    pub(crate) fn write(self, exchange: &Exchange, out: &mut Out<'_>) -> bool {
        let Some(tls) = &exchange.connection().tls else { return false };
        let value: &[u8] = match self {
            Self::Protocol => tls.protocol.as_bytes(),
            Self::Cipher => tls.cipher.as_bytes(),
            Self::Curve => tls.curve.as_bytes(),
            Self::Alpn => tls.alpn.as_deref().unwrap_or_default(),
            Self::ServerName => tls.server_name.as_deref().unwrap_or_default().as_bytes(),
            Self::SessionId => {
                let Some(id) = &tls.session_id else { return false };
                id.iter().flat_map(|byte| [byte >> 4, byte & 15]).for_each(|nibble| {
                    out.text(&[b"0123456789abcdef".get(usize::from(nibble)).copied().unwrap_or_default()]);
                });
                return true;
            }
            Self::SessionReused if tls.resumed => b"r",
            Self::SessionReused => b".",
            Self::OfferedCiphers => tls.offered_ciphers.as_bytes(),
            Self::OfferedCurves => tls.offered_curves.as_bytes(),
            Self::EarlyData => b"", // none is taken
            Self::Verify => match &tls.client {
                None => b"NONE",
                Some(client) => match client.refused {
                    None => b"SUCCESS",
                    Some(refused) => {
                        out.text(b"FAILED:");
                        refused.reason.as_bytes()
                    }
                },
            },
            Self::Client(variable) => {
                return tls.client.as_ref().is_some_and(|client| variable.write(client, out));
            }
        };
        out.option(Some(value).filter(|value| !value.is_empty()))
    }
}

impl Client {
    fn write(self, client: &ClientCertificate, out: &mut Out<'_>) -> bool {
        match self {
            Self::Pem => out.text(client.pem.as_bytes()),
            Self::Indented => {
                for (at, line) in client.pem.trim_end_matches('\n').split('\n').enumerate() {
                    if at > 0 {
                        out.text(b"\n\t");
                    }
                    out.text(line.as_bytes());
                }
            }
            Self::Escaped => client.pem.bytes().for_each(|byte| match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.text(&[byte]),
                _ => {
                    const HEX: [u8; 16] = *b"0123456789ABCDEF";
                    let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or_default();
                    out.text(&[b'%', digit(byte >> 4), digit(byte & 15)]);
                }
            }),
            Self::Fingerprint => out.text(client.fingerprint.as_bytes()),
            Self::Issuer => out.text(client.issuer.as_bytes()),
            Self::IssuerLegacy => out.text(client.issuer_legacy.as_bytes()),
            Self::Subject => out.text(client.subject.as_bytes()),
            Self::SubjectLegacy => out.text(client.subject_legacy.as_bytes()),
            Self::Serial => out.text(client.serial.as_bytes()),
            Self::Start => out.text(client.start.as_bytes()),
            Self::End => out.text(client.end.as_bytes()),
            Self::Remain => {
                let end = u64::try_from(client.end_seconds).unwrap_or_default();
                out.number(end.saturating_sub(clock::now().as_secs()) / (24 * 3600));
            }
        }
        true
    }
}
