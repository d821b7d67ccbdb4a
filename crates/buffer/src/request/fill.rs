//! Reading a body to its end.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::Body;

use super::layer::Settings;
use crate::error::{BoxError, Error};
use crate::replay::Replay;
use crate::spill::{PIECE, Spill};

/// Reads all of `body`: into memory as long as it fits, then into a file. What is in memory at any time is at most what the
/// settings allow (or a piece of the file), and the frame at hand.
pub(crate) async fn fill<B>(body: B, settings: Arc<Settings>) -> Result<Replay, BoxError>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let mut body = pin!(body);
    let mut memory = BytesMut::new();
    let mut spill: Option<Spill> = None;
    let mut trailers: Option<HeaderMap> = None;
    let mut size = 0_u64;
    while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx).map_err(Into::<BoxError>::into)).await {
        let frame = frame?;
        let data = match frame.into_data() {
            Ok(data) => data,
            Err(frame) => {
                trailers = frame.into_trailers().ok().or(trailers);
                continue;
            }
        };
        size += data.len() as u64;
        if let Some(limit) = settings.max_size.filter(|&limit| size > limit) {
            return Err(Error::TooLarge { size, limit }.into());
        }
        let limit = if spill.is_some() { PIECE } else { settings.memory };
        if memory.len() + data.len() > limit {
            memory = write(&mut spill, memory, &settings).await?;
        }
        if spill.is_some() && data.len() > PIECE {
            // A large frame needs no second copy of it in memory, only one on its way.
            for piece in data.chunks(PIECE) {
                memory.extend_from_slice(piece);
                memory = write(&mut spill, memory, &settings).await?;
            }
        } else {
            memory.extend_from_slice(&data);
        }
    }
    if spill.is_none() && !(settings.in_file_only && size > 0) {
        return Ok(Replay::memory(memory.freeze(), trailers));
    }
    write(&mut spill, memory, &settings).await?;
    let (file, length) = match spill {
        Some(spill) => spill.finish(),
        None => return Err(Error::Gone.into()), // `write` has made one
    };
    Ok(Replay::file(file, length, trailers))
}

async fn write(spill: &mut Option<Spill>, memory: BytesMut, settings: &Settings) -> Result<BytesMut, Error> {
    let file = match spill {
        Some(file) => file,
        None => spill.insert(Spill::create(settings.directory.clone()).await.map_err(Error::TempFile)?),
    };
    if memory.is_empty() {
        return Ok(memory);
    }
    file.write(memory).await.map_err(Error::TempFile)
}
