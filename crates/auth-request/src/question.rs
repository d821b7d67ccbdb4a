use http::header::{
    CONTENT_LENGTH, EXPECT, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE,
    TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, Method, Request, Uri, request};

/// What is said of the body, which nobody sends here, and what asks for something of the thing itself: only if it has changed, a
/// part of it, another protocol on the connection.
const NOT_ASKED: [HeaderName; 11] = [
    CONTENT_LENGTH,
    TRANSFER_ENCODING,
    TRAILER,
    EXPECT,
    IF_MATCH,
    IF_NONE_MATCH,
    IF_MODIFIED_SINCE,
    IF_UNMODIFIED_SINCE,
    IF_RANGE,
    RANGE,
    UPGRADE,
];

/// The question whether a request with this head may come in: a GET for `uri` with the request's fields and no body.
///
/// ```
/// use http::{Method, Request};
/// use propylon_auth_request::question;
///
/// let asked = Request::post("/orders").header("cookie", "id=7").header("content-length", "5").body(())?;
/// let (head, ()) = asked.into_parts();
/// let question = question(&head, "/auth".parse()?);
/// assert_eq!((question.method(), question.uri().path()), (&Method::GET, "/auth"));
/// assert_eq!(question.headers()["cookie"], "id=7");
/// assert!(!question.headers().contains_key("content-length"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn question(head: &request::Parts, uri: Uri) -> Request<()> {
    let mut question = Request::new(());
    *question.method_mut() = Method::GET;
    *question.uri_mut() = uri;
    *question.version_mut() = head.version;
    question.headers_mut().clone_from(&head.headers);
    without_body(question.headers_mut());
    question
}

/// Takes out of a request's fields what is no part of the [question].
pub fn without_body(fields: &mut HeaderMap) {
    for name in NOT_ASKED {
        fields.remove(name);
    }
}
