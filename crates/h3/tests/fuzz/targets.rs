//! What is done with any input; a panic is a fault. `fuzz/` and the replay of its corpus call these.

use bytes::Bytes;
use propylon_h3::{Event, Fault, Fields, Opened, RequestHead, RequestStream, Said, UniStream, trailers};

/// How much fields may take.
const MOST: usize = 512;

/// A request's stream: the same comes of it however it is cut, and no more is held than fields may take.
pub(crate) fn http3_request(data: &[u8]) {
    let whole = request(data, usize::MAX);
    for piece in [1, 7] {
        assert_eq!(request(data, piece), whole, "in pieces of {piece}");
    }
    for event in whole.into_iter().flatten() {
        match event {
            Event::Head(section) | Event::Trailers(section) => http3_fields(&section),
            Event::Data(_) | Event::Unknown | Event::TooLarge => {}
        }
    }
}

/// A stream of one direction: the same comes of it however it is cut.
pub(crate) fn http3_one_way(data: &[u8]) {
    let whole = one_way(data, usize::MAX);
    for piece in [1, 7] {
        assert_eq!(one_way(data, piece), whole, "in pieces of {piece}");
    }
}

/// A section of fields: read or refused, within its limit, and what was read comes back when it is written.
pub(crate) fn http3_fields(data: &[u8]) {
    let section = Bytes::copy_from_slice(data);
    if let Ok(head) = RequestHead::read(section.clone(), MOST) {
        let size =
            |(name, value): (&http::HeaderName, &http::HeaderValue)| name.as_str().len() + value.len() + 32;
        assert!(head.headers.iter().map(size).sum::<usize>() <= MOST);
    }
    let Ok(fields) = trailers(section, MOST) else { return };
    let mut frame = Fields::default().all(&fields).into_frame();
    let Ok(Some(Event::Head(section))) = RequestStream::new(usize::MAX).read(&mut frame) else {
        panic!("what is written is a frame");
    };
    assert_eq!(trailers(section, MOST), Ok(fields));
}

/// What a request's stream brings in pieces of so many bytes; pieces of its body are joined.
fn request(data: &[u8], piece: usize) -> Result<Vec<Event>, Fault> {
    let mut stream = RequestStream::new(MOST);
    let mut events: Vec<Event> = Vec::new();
    for part in data.chunks(piece) {
        let mut part = Bytes::copy_from_slice(part);
        while let Some(event) = stream.read(&mut part)? {
            match (events.last_mut(), event) {
                (Some(Event::Data(so_far)), Event::Data(more)) => {
                    *so_far = [&**so_far, &*more].concat().into();
                }
                (_, event) => events.push(event),
            }
        }
        assert!(part.is_empty() && stream.held() <= MOST);
    }
    stream.end().map(|()| events)
}

fn one_way(data: &[u8], piece: usize) -> Result<Vec<Said>, Fault> {
    let (mut stream, mut opened, mut all) = (UniStream::default(), Opened::default(), Vec::new());
    for part in data.chunks(piece) {
        let mut part = Bytes::copy_from_slice(part);
        while let Some(said) = stream.read(&mut opened, &mut part)? {
            all.push(said);
        }
        assert!(part.is_empty());
    }
    stream.end().map(|()| all)
}
