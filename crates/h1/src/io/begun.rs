//! As much of a body as came with its head.

use bytes::{Bytes, BytesMut};
use http::HeaderMap;

use crate::proto::{Decoder, Event};
use crate::{BodyError, Limits};

/// As much of a body as is here already, in one piece.
pub(crate) struct Begun {
    pub(crate) data: Bytes,
    pub(crate) stop: Stop,
}

/// What comes after it.
pub(crate) enum Stop {
    /// Nothing: it is whole.
    End,
    /// Trailers, and then nothing.
    Trailers(HeaderMap),
    /// What has not been read yet.
    More,
    Error(BodyError),
}

/// Takes what is there of a body out of `buffer`.
pub(crate) fn begin(decoder: &mut Decoder, buffer: &mut BytesMut, limits: &Limits) -> Begun {
    // As most are.
    if let Some(data) = decoder.decode_whole(buffer) {
        return Begun { data, stop: Stop::End };
    }
    let mut data = Bytes::new();
    let mut joined = BytesMut::new();
    let stop = loop {
        if decoder.is_end() {
            break Stop::End;
        }
        match decoder.decode(buffer, limits) {
            Ok(Event::Data(first)) if data.is_empty() => data = first,
            Ok(Event::Data(next)) => {
                if joined.is_empty() {
                    joined.extend_from_slice(&data);
                }
                joined.extend_from_slice(&next);
            }
            Ok(Event::Trailers(trailers)) => break Stop::Trailers(trailers),
            Ok(Event::End) => break Stop::End,
            Ok(Event::NeedMore) => break Stop::More,
            Err(error) => break Stop::Error(error),
        }
    };
    if !joined.is_empty() {
        data = joined.freeze();
    }
    Begun { data, stop }
}
