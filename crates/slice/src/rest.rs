//! What is known of a response that comes in slices, and what is made of each of them.

use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use http_body::Body;
use propylon_conditions as conditions;

use crate::body::Sliced;
use crate::layer::Options;
use crate::slice::{ContentRange, Validators};
use crate::{BoxError, Error, ResponseBody, Slice};

/// A request for a slice, under way.
pub(crate) type Asking<R> = Pin<Box<dyn Future<Output = Result<Response<R>, BoxError>> + Send>>;

/// Sends one.
pub(crate) type Ask<R> = Box<dyn FnMut(Option<Slice>) -> Asking<R> + Send>;

/// A response that comes in slices, among whose extensions this is: it is read as far as its client has got, however it is kept on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InSlices;

/// What is remembered of a request while its first slice is asked for.
pub(crate) struct Rest<R> {
    method: Method,
    /// The client's fields.
    asked: Arc<HeaderMap>,
    slice: Slice,
    options: Arc<Options>,
    ask: Ask<R>,
}

/// What the first answer makes of it.
pub(crate) enum Began<R> {
    Answer(Response<ResponseBody<R>>),
    /// The upstream has nothing, and says so of a part: it is to be asked for all of it.
    Again(Asking<R>),
}

impl<R> Rest<R>
where
    R: Body<Data = Bytes>,
    R::Error: Into<BoxError>,
{
    pub(crate) fn new(
        method: Method,
        asked: Arc<HeaderMap>,
        slice: Slice,
        options: Arc<Options>,
        ask: Ask<R>,
    ) -> Self {
        Self { method, asked, slice, options, ask }
    }

    /// The answer to the request for the first slice has come.
    pub(crate) fn begin(mut self, response: Response<R>) -> Result<Began<R>, Error> {
        match response.status() {
            StatusCode::PARTIAL_CONTENT => self.sliced(response).map(Began::Answer),
            // RFC 9110 14.1.1: no range is satisfiable where there is nothing, which the client did not ask for a part of.
            StatusCode::RANGE_NOT_SATISFIABLE if self.slice.start() == 0 && is_empty(response.headers()) => {
                Ok(Began::Again((self.ask)(None)))
            }
            StatusCode::OK => Ok(Began::Answer(self.whole(response))),
            _ => Ok(Began::Answer(response.map(ResponseBody::whole))),
        }
    }

    fn sliced(self, response: Response<R>) -> Result<Response<ResponseBody<R>>, Error> {
        let Self { method, asked, slice, options, ask } = self;
        let (part, length) = part(response.headers(), slice)?;
        let (head, body) = response.into_parts();
        let mut response = Response::from_parts(head, ());
        let validators = Validators::new(response.headers(), length);
        *response.status_mut() = StatusCode::OK;
        let headers = response.headers_mut();
        headers.remove(header::CONTENT_RANGE);
        headers.remove(header::ACCEPT_RANGES);
        headers.insert(header::CONTENT_LENGTH, length.into());
        let shown =
            conditions::judge(&method, &asked, StatusCode::OK, headers, Some(length), (options.clock)());
        let wanted = conditions::show(&mut response, &shown).unwrap_or_else(|| {
            response.headers_mut().insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
            0..length
        });
        if wanted.is_empty() || method == Method::HEAD {
            return Ok(response.map(|()| ResponseBody::empty()));
        }
        response.extensions_mut().insert(InSlices);
        let sliced = Sliced::new(wanted, options.size, validators, ask);
        Ok(response.map(|()| ResponseBody::sliced(sliced.beginning_with(part, body))))
    }

    /// The upstream knows no ranges: it is cut here.
    fn whole(&self, response: Response<R>) -> Response<ResponseBody<R>> {
        let (head, body) = response.into_parts();
        let mut response = Response::from_parts(head, ());
        // The body of an answer to HEAD is not what is asked for.
        let length = body.size_hint().exact().filter(|_| self.method != Method::HEAD);
        let headers = response.headers();
        let shown = conditions::judge(
            &self.method,
            &self.asked,
            StatusCode::OK,
            headers,
            length,
            (self.options.clock)(),
        );
        match conditions::show(&mut response, &shown) {
            None => response.map(|()| ResponseBody::whole(body)),
            Some(part) if part.is_empty() => response.map(|()| ResponseBody::empty()),
            Some(part) => response.map(|()| ResponseBody::cut(body, &part)),
        }
    }
}

/// The bytes of a slice that has come, and how many there are in all.
pub(crate) fn part(headers: &HeaderMap, slice: Slice) -> Result<(Range<u64>, u64), Error> {
    let ContentRange { part, length } = ContentRange::of(headers).ok_or(Error::Range)?;
    let (found, length) = (part.ok_or(Error::Range)?, length.ok_or(Error::Length)?);
    let expected = slice.within(length);
    if found == expected { Ok((found, length)) } else { Err(Error::Unexpected { found, expected }) }
}

fn is_empty(headers: &HeaderMap) -> bool {
    ContentRange::of(headers) == Some(ContentRange { part: None, length: Some(0) })
}

/// Whether what has come for a slice behind the first is that.
pub(crate) fn next<R>(
    response: &Response<R>,
    slice: Slice,
    validators: &Validators,
) -> Result<Range<u64>, Error> {
    if response.status() != StatusCode::PARTIAL_CONTENT {
        return Err(Error::Status(response.status()));
    }
    let (found, length) = part(response.headers(), slice)?;
    if validators.hold(response.headers(), length) { Ok(found) } else { Err(Error::Changed) }
}
