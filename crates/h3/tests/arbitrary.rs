//! Whatever comes, it is read or refused, and in whichever pieces it comes makes no difference.
#![allow(clippy::unwrap_used, reason = "a test")]

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use propylon_h3::{Event, Fault, Fields, Opened, RequestHead, RequestStream, Said, UniStream, trailers};

/// What a request's stream brings in pieces of so many bytes; pieces of its body are joined.
fn request(bytes: &[u8], piece: usize) -> Result<Vec<Event>, Fault> {
    let mut stream = RequestStream::new(512);
    let mut events: Vec<Event> = Vec::new();
    for part in bytes.chunks(piece) {
        let mut part = Bytes::copy_from_slice(part);
        while let Some(event) = stream.read(&mut part)? {
            match (events.last_mut(), event) {
                (Some(Event::Data(so_far)), Event::Data(more)) => {
                    *so_far = [&**so_far, &*more].concat().into()
                }
                (_, event) => events.push(event),
            }
        }
    }
    stream.end().map(|()| events)
}

fn one_way(bytes: &[u8], piece: usize) -> Result<Vec<Said>, Fault> {
    let (mut stream, mut opened, mut all) = (UniStream::default(), Opened::default(), Vec::new());
    for part in bytes.chunks(piece) {
        let mut part = Bytes::copy_from_slice(part);
        while let Some(said) = stream.read(&mut opened, &mut part)? {
            all.push(said);
        }
    }
    Ok(all)
}

/// Bytes that often mean something: types and lengths are small.
fn frames() -> impl Strategy<Value = Vec<u8>> {
    let frame = (0_u8..16, vec(any::<u8>(), 0..40))
        .prop_map(|(kind, payload)| [&[kind, u8::try_from(payload.len()).unwrap()], &payload[..]].concat());
    prop_oneof![vec(any::<u8>(), 0..200), vec(frame, 0..6).prop_map(|frames| frames.concat())]
}

proptest! {
    #[test]
    fn pieces_make_no_difference(bytes in frames(), piece in 1_usize..20) {
        prop_assert_eq!(request(&bytes, piece), request(&bytes, usize::MAX));
        prop_assert_eq!(one_way(&bytes, piece), one_way(&bytes, usize::MAX));
    }

    #[test]
    fn sections_are_read_or_refused(section in vec(any::<u8>(), 0..200), begun in any::<bool>()) {
        let section = if begun { [&[0, 0], &section[..]].concat() } else { section };
        let (bytes, most) = (Bytes::from(section), 4096);
        if let Ok(head) = RequestHead::read(bytes.clone(), most) {
            let size: usize = head.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum();
            prop_assert!(size <= most, "{} bytes of {}", size, most);
        }
        let _ = trailers(bytes, most);
    }

    #[test]
    fn fields_come_back(fields in vec(("[a-z][a-z0-9-]{0,20}", "[!-~]([ -~]{0,60}[!-~])?"), 0..20)) {
        let section = |fields: &[(String, String)]| {
            let all = fields.iter().fold(Fields::default(), |all, (name, value)| all.field(name, value));
            let Ok(Some(Event::Head(section))) = RequestStream::new(65_536).read(&mut all.into_frame()) else {
                return Err(TestCaseError::fail("no head"));
            };
            Ok(section)
        };
        // Those of connections are refused, and tested elsewhere.
        let connection = ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "te"];
        let fields: Vec<_> = fields.into_iter().filter(|(name, _)| !connection.contains(&&**name)).collect();
        let read = trailers(section(&fields)?, 65_536).unwrap();
        for (name, value) in &fields {
            prop_assert!(read.get_all(&**name).iter().any(|known| known == value), "{}: {}", name, value);
        }
        prop_assert_eq!(read.len(), fields.len());
    }
}
