//! Settings (RFC 9114 7.2.4).

use bytes::{BufMut, Bytes};

use crate::{Code, Fault, varint};

const MAX_FIELD_SECTION_SIZE: u64 = 0x6;
const ENABLE_CONNECT_PROTOCOL: u64 = 0x8;

/// Those of HTTP/2 that HTTP/3 has no use for.
const OF_HTTP2: [u64; 4] = [0x2, 0x3, 0x4, 0x5];

/// More settings than this nobody has to say.
const MOST: usize = 64;

/// What one end says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// How much a section of fields may take at most, with 32 bytes for each field (RFC 9114 4.2.2).
    pub max_field_section_size: Option<u64>,
    /// Whether a request may ask for its stream to become another protocol's (RFC 9220).
    pub connect_protocol: bool,
}

impl Settings {
    pub(crate) fn read(mut payload: Bytes) -> Result<Self, Fault> {
        let mut settings = Self::default();
        let mut known = [0; MOST];
        let mut count = 0;
        while !payload.is_empty() {
            let cut = Fault::connection(Code::FRAME_ERROR, "a truncated setting");
            let (Some(id), Some(value)) = (varint::take(&mut payload), varint::take(&mut payload)) else {
                return Err(cut);
            };
            let fault = |what| Err(Fault::connection(Code::SETTINGS_ERROR, what));
            if OF_HTTP2.contains(&id) {
                return fault("an HTTP/2 setting");
            }
            if known.iter().take(count).any(|other| *other == id) {
                return fault("a repeated setting");
            }
            match known.get_mut(count) {
                Some(place) => *place = id,
                None => return Err(Fault::connection(Code::EXCESSIVE_LOAD, "too many settings")),
            }
            count += 1;
            match (id, value) {
                (MAX_FIELD_SECTION_SIZE, size) => settings.max_field_section_size = Some(size),
                (ENABLE_CONNECT_PROTOCOL, 0 | 1) => settings.connect_protocol = value == 1,
                (ENABLE_CONNECT_PROTOCOL, _) => {
                    return fault("SETTINGS_ENABLE_CONNECT_PROTOCOL is neither 0 nor 1");
                }
                _ => {} // of QPACK: no table is used; others: nobody's
            }
        }
        Ok(settings)
    }

    pub(crate) fn write(&self, out: &mut impl BufMut) {
        if let Some(size) = self.max_field_section_size {
            varint::put(MAX_FIELD_SECTION_SIZE, out);
            varint::put(size, out);
        }
        if self.connect_protocol {
            varint::put(ENABLE_CONNECT_PROTOCOL, out);
            varint::put(1, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(payload: &'static [u8]) -> Result<Settings, Code> {
        Settings::read(Bytes::from_static(payload)).map_err(|fault| fault.code)
    }

    #[test]
    fn settings_come_back() {
        let settings = Settings { max_field_section_size: Some(70_000), connect_protocol: true };
        let mut written = Vec::new();
        settings.write(&mut written);
        assert_eq!(Settings::read(written.into()), Ok(settings));
        assert_eq!(read(b""), Ok(Settings::default()));
        assert_eq!(read(b"\x01\x40\x40\x07\x10\x33\x01\x21\x00"), Ok(Settings::default()), "nobody's here");
    }

    #[test]
    fn settings_that_cannot_be_are_refused() {
        for (wrong, code) in [
            (&b"\x02\x00"[..], Code::SETTINGS_ERROR),
            (b"\x05\x00", Code::SETTINGS_ERROR),
            (b"\x06\x01\x06\x01", Code::SETTINGS_ERROR),
            (b"\x21\x01\x21\x01", Code::SETTINGS_ERROR),
            (b"\x08\x02", Code::SETTINGS_ERROR),
            (b"\x06", Code::FRAME_ERROR),
            (b"\x06\x40", Code::FRAME_ERROR),
        ] {
            assert_eq!(read(wrong), Err(code), "{wrong:x?}");
        }
        let many: Vec<u8> = (0..65_u8).flat_map(|id| [0x40, 0x40 + id, 0]).collect();
        assert_eq!(Settings::read(many.into()).unwrap_err().code, Code::EXCESSIVE_LOAD);
    }
}
