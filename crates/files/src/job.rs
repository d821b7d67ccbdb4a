//! From a path to a response, on a thread that may wait for disks or on one that may not.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use http::header::{
    ACCEPT_RANGES, ALLOW, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, LAST_MODIFIED,
    LOCATION, VARY,
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use propylon_page_cache::{CHUNK, Peek, peek, read};
use rustix::fs::FileType;

use crate::body::Piece;
use crate::coding::{self, Coding};
use crate::conditions::{Conditions, Plan, Validators};
use crate::failure::{Failure, Kind};
use crate::files::Options;
use crate::open::{self, Found, Patience, Purpose, Trouble};
use crate::{Body, Target};

/// A file up to this size is read in the same go that opens it.
const SMALL: u64 = 64 * 1024;

/// One request for a file.
pub(crate) struct Job {
    options: Arc<Options>,
    method: Method,
    conditions: Conditions,
    codings: Vec<Coding>,
    target: Target,
}

impl Job {
    pub(crate) fn new(options: Arc<Options>, method: &Method, headers: &HeaderMap, target: Target) -> Self {
        Self {
            method: method.clone(),
            conditions: Conditions::of(method, headers),
            codings: coding::accepted(headers, &options.precompressed),
            options,
            target,
        }
    }

    /// `Err`: this cannot be done without waiting.
    pub(crate) fn run(&self, patience: Patience) -> Result<Response<Body>, ()> {
        match self.answer(patience) {
            Ok(response) => Ok(response),
            Err(Trouble::Again) => Err(()),
            Err(Trouble::Failed(failure)) => Ok(failed(failure)),
        }
    }

    fn answer(&self, patience: Patience) -> Result<Response<Body>, Trouble> {
        for &coding in &self.codings {
            let mut name = self.target.path.clone().into_os_string();
            name.push(coding.suffix());
            match open::open(Path::new(&name), Purpose::Read, &self.options.symlinks, patience) {
                Ok(found) if found.kind() == FileType::RegularFile => {
                    return self.send(found, Some(coding), patience);
                }
                Err(Trouble::Again) => return Err(Trouble::Again),
                // It is as if it were not there; what counts is the file itself.
                Ok(_) | Err(Trouble::Failed(_)) => {}
            }
        }
        let path = &self.target.path;
        let found = open::open(path, Purpose::Read, &self.options.symlinks, patience)?;
        match found.kind() {
            FileType::RegularFile => self.send(found, None, patience),
            FileType::Directory => Ok(moved(&self.target)),
            _ => Err(Trouble::Failed(Failure::new(path, Kind::NotRegular))),
        }
    }

    fn send(
        &self,
        found: Found,
        coding: Option<Coding>,
        patience: Patience,
    ) -> Result<Response<Body>, Trouble> {
        if !is_read(&self.method) {
            return Ok(not_allowed());
        }
        let (size, modified) = (found.size(), found.modified());
        let etag = self.options.etag.then(|| etag(modified, size, coding)).flatten();
        let validators = Validators { modified, etag };
        let plan =
            self.conditions.plan(&validators, size, self.options.if_modified_since, self.options.max_ranges);
        let media_type = self.options.types.of(&self.target.uri);
        let mut response = Response::new(Body::empty());
        let headers = response.headers_mut();
        if !matches!(plan, Plan::NotModified)
            && let Some(media_type) = media_type
        {
            headers.insert(CONTENT_TYPE, media_type.clone());
        }
        if let Some(date) = http_date(modified) {
            headers.insert(LAST_MODIFIED, date);
        }
        if let Some(etag) = validators.etag {
            headers.insert(ETAG, etag);
        }
        if !self.options.precompressed.is_empty() {
            headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        }
        if let Some(coding) = coding
            && !matches!(plan, Plan::NotModified)
        {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
        }
        let pieces = match plan {
            Plan::NotModified => {
                *response.status_mut() = StatusCode::NOT_MODIFIED;
                return Ok(response);
            }
            Plan::PreconditionFailed => return Ok(bare(StatusCode::PRECONDITION_FAILED)),
            Plan::Unsatisfiable => return Ok(unsatisfiable(size)),
            Plan::Whole => {
                if self.options.max_ranges > 0 {
                    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
                }
                headers.insert(CONTENT_LENGTH, size.into());
                if self.method == Method::HEAD {
                    return Ok(response);
                }
                whole(found, size, patience)?
            }
            Plan::Parts(parts) => {
                let media_type = media_type.cloned();
                let pieces = in_parts(found, size, &parts, media_type.as_ref(), headers, patience)?;
                *response.status_mut() = StatusCode::PARTIAL_CONTENT;
                pieces
            }
        };
        *response.body_mut() = Body::of(pieces);
        Ok(response)
    }
}

fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

fn whole(found: Found, size: u64, patience: Patience) -> Result<Vec<Piece>, Trouble> {
    piece(Arc::new(found.file), 0..size, patience)
}

/// A part of a file: in memory if it is small, and its beginning in any case if we may wait for it here.
fn piece(
    file: Arc<std::fs::File>,
    part: std::ops::Range<u64>,
    patience: Patience,
) -> Result<Vec<Piece>, Trouble> {
    let length = part.end - part.start;
    let now = usize::try_from(length).unwrap_or(CHUNK).min(CHUNK);
    let read = match patience {
        _ if length == 0 => return Ok(Vec::new()),
        Patience::Now if length > SMALL => None,
        Patience::Now => match peek(&file, part.start, now) {
            Peek::Here(bytes) if bytes.len() == now => Some(bytes),
            _ => return Err(Trouble::Again),
        },
        // What fails here fails again when it is sent, and the client sees that something is missing.
        Patience::Wait => read(&file, part.start, now).ok(),
    };
    let Some(bytes) = read else {
        return Ok(vec![Piece::File { file, offset: part.start, length }]);
    };
    let sent = bytes.len() as u64;
    let rest = Piece::File { file, offset: part.start + sent, length: length - sent };
    Ok(vec![Piece::Bytes(bytes), rest])
}

/// One part as it is, several as `multipart/byteranges` (RFC 9110 section 14.6).
fn in_parts(
    found: Found,
    size: u64,
    parts: &[std::ops::Range<u64>],
    media_type: Option<&HeaderValue>,
    headers: &mut HeaderMap,
    patience: Patience,
) -> Result<Vec<Piece>, Trouble> {
    let file = Arc::new(found.file);
    if let [part] = parts {
        let last = part.end.saturating_sub(1);
        insert(headers, CONTENT_RANGE, format!("bytes {}-{last}/{size}", part.start));
        headers.insert(CONTENT_LENGTH, (part.end - part.start).into());
        return piece(file, part.clone(), patience);
    }
    let boundary = format!("{:020}", fastrand::u64(..));
    let mut pieces = Vec::with_capacity(parts.len() * 2 + 1);
    for part in parts {
        let mut text = BytesMut::with_capacity(128);
        text.put_slice(b"\r\n--");
        text.put_slice(boundary.as_bytes());
        if let Some(media_type) = media_type {
            text.put_slice(b"\r\nContent-Type: ");
            text.put_slice(media_type.as_bytes());
        }
        let last = part.end.saturating_sub(1);
        // Writing to memory cannot fail.
        let _ = write!((&mut text).writer(), "\r\nContent-Range: bytes {}-{last}/{size}\r\n\r\n", part.start);
        pieces.push(Piece::Bytes(text.freeze()));
        pieces.push(Piece::File { file: file.clone(), offset: part.start, length: part.end - part.start });
    }
    pieces.push(Piece::Bytes(format!("\r\n--{boundary}--\r\n").into()));
    headers.insert(CONTENT_LENGTH, pieces.iter().map(Piece::length).sum::<u64>().into());
    insert(headers, CONTENT_TYPE, format!("multipart/byteranges; boundary={boundary}"));
    Ok(pieces)
}

/// As nginx: both numbers in hexadecimal. Files of two codings never have the same one.
fn etag(modified: u64, size: u64, coding: Option<Coding>) -> Option<HeaderValue> {
    let mark = match coding {
        None | Some(Coding::Gzip) => "",
        Some(Coding::Brotli) => "-br",
        Some(Coding::Zstd) => "-zst",
    };
    HeaderValue::try_from(format!("\"{modified:x}-{size:x}{mark}\"")).ok()
}

fn http_date(seconds: u64) -> Option<HeaderValue> {
    // What is beyond the year 9999 has no form.
    let seconds = seconds.min(253_402_300_799);
    let time = std::time::UNIX_EPOCH.checked_add(std::time::Duration::from_secs(seconds))?;
    HeaderValue::try_from(httpdate::fmt_http_date(time)).ok()
}

fn insert(headers: &mut HeaderMap, name: http::HeaderName, value: String) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}

pub(crate) fn bare(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// RFC 9110 15.5.6: which methods are allowed has to be told.
pub(crate) fn not_allowed() -> Response<Body> {
    let mut response = bare(StatusCode::METHOD_NOT_ALLOWED);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}

pub(crate) fn failed(failure: Failure) -> Response<Body> {
    let mut response = bare(failure.status());
    response.extensions_mut().insert(failure);
    response
}

fn unsatisfiable(size: u64) -> Response<Body> {
    let mut response = bare(StatusCode::RANGE_NOT_SATISFIABLE);
    insert(response.headers_mut(), CONTENT_RANGE, format!("bytes */{size}"));
    response
}

/// The path of a directory lacks its slash.
fn moved(target: &Target) -> Response<Body> {
    let mut location = Vec::with_capacity(target.uri.len() + 2);
    // With two slashes at its beginning it would name another host (RFC 3986 4.2).
    let slashes = target.uri.iter().take_while(|byte| **byte == b'/').count();
    if slashes > 0 {
        location.push(b'/');
    }
    escape(target.uri.get(slashes..).unwrap_or_default(), &mut location);
    location.push(b'/');
    if let Some(args) = target.args.as_ref().filter(|args| !args.is_empty()) {
        location.push(b'?');
        location.extend_from_slice(args);
    }
    match HeaderValue::from_maybe_shared(Bytes::from(location)) {
        Ok(location) => {
            let mut response = bare(StatusCode::MOVED_PERMANENTLY);
            response.headers_mut().insert(LOCATION, location);
            response
        }
        Err(_) => bare(StatusCode::BAD_REQUEST),
    }
}

/// Escapes a decoded path for a URI (RFC 3986), as nginx does for `Location`.
fn escape(path: &[u8], out: &mut Vec<u8>) {
    for &byte in path {
        if byte.is_ascii_graphic() && !br##""#%<>?\^`{|}"##.contains(&byte) {
            out.push(byte);
        } else {
            out.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
}
