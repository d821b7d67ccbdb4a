//! uwsgi: a packet of params, and then the body.

use bytes::{BufMut, BytesMut};

use crate::{Params, RequestFault};

/// The packet with the params: two modifiers around the length of what follows, and each name and value behind its length, all of
/// 16 bits, the low byte first.
pub(crate) fn packet(modifier1: u8, modifier2: u8, params: &Params) -> Result<BytesMut, RequestFault> {
    let length = params.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
    let most = u16::try_from(length).map_err(|_| RequestFault::TooBig(length))?;
    let mut out = BytesMut::with_capacity(length + 4);
    out.put_u8(modifier1);
    out.put_u16_le(most);
    out.put_u8(modifier2);
    for text in params.iter().flat_map(|(name, value)| [name, value]) {
        // Not longer than all of them.
        out.put_u16_le(u16::try_from(text.len()).unwrap_or(u16::MAX));
        out.put_slice(text);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets() {
        let params = Params::builder().push("REQUEST_METHOD", "GET").push("E", "").build();
        let bytes = packet(5, 7, &params).unwrap();
        assert_eq!(&bytes[..], b"\x05\x1a\x00\x07\x0e\0REQUEST_METHOD\x03\0GET\x01\0E\0\0");
        assert_eq!(&packet(0, 0, &Params::default()).unwrap()[..], [0; 4]);
    }

    #[test]
    fn the_largest_one() {
        let params = |length: usize| Params::builder().push("N", "v".repeat(length)).build();
        let bytes = packet(0, 0, &params(65_530)).unwrap();
        assert_eq!((bytes.len(), &bytes[..9]), (65_539, &b"\0\xff\xff\0\x01\0N\xfa\xff"[..]));
        assert_eq!(packet(0, 0, &params(65_531)), Err(RequestFault::TooBig(65_536)));
    }
}
