//! A client and a scripted application over a pipe in memory, in both protocols.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use http_body::Body as _;
use http_body_util::{BodyExt, Empty, Full};
use propylon_cgi::{Body, BoxError, Config, Connection, Params, Reason, send};
use propylon_testkit::body::Script;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex};

/// Longer than anything takes here, on a clock that jumps.
async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.unwrap()
}

/// What came of an exchange: the status, the body, and the error that ended it.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    status: u16,
    reason: Option<Bytes>,
    body: String,
    error: Option<String>,
}

async fn read<I, B>(mut body: Body<I, B>, outcome: &mut Outcome)
where
    I: AsyncRead + AsyncWrite + Unpin,
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>>,
{
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => {
                let data = frame.into_data().unwrap();
                assert!(!data.is_empty(), "an empty frame");
                outcome.body += std::str::from_utf8(&data).unwrap();
            }
            Err(error) => outcome.error = Some(error.to_string()),
        }
    }
    assert!(body.is_end_stream());
}

async fn fetch<I, B>(io: I, request: Request<B>, config: &Config) -> Outcome
where
    I: AsyncRead + AsyncWrite + Unpin,
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>>,
{
    let mut outcome = Outcome::default();
    match send(Connection::new(io), request, config).await {
        Ok(response) => {
            outcome.status = response.status().as_u16();
            outcome.reason = response.extensions().get::<Reason>().map(|reason| reason.0.clone());
            read(response.into_body(), &mut outcome).await;
        }
        Err(error) => outcome.error = Some(error.to_string()),
    }
    outcome
}

/// What comes of an answer in these pieces, behind which the connection ends.
async fn answered(method: Method, pieces: &[&[u8]]) -> Outcome {
    let (io, mut app) = duplex(1 << 20);
    let mut request = Request::new(Empty::<Bytes>::new());
    *request.method_mut() = method;
    let app = async move {
        for piece in pieces {
            // Whether it is still read is for the client to say.
            let _ = app.write_all(piece).await;
            tokio::task::yield_now().await; // it is read before the next one
        }
    };
    let config = Config::uwsgi(0, 0);
    within(async { tokio::join!(fetch(io, request, &config), app).0 }).await
}

async fn got(bytes: &str) -> Outcome {
    let whole = answered(Method::GET, &[bytes.as_bytes()]).await;
    let single: Vec<&[u8]> = bytes.as_bytes().chunks(1).collect();
    assert_eq!(answered(Method::GET, &single).await, whole, "{bytes:?} byte by byte");
    whole
}

#[tokio::test(start_paused = true)]
async fn where_a_response_ends() {
    let truncated = Some("upstream prematurely closed connection while reading upstream".to_owned());
    for (bytes, body, error) in [
        ("X: y\r\n\r\n", "", None),
        ("X: y\r\n\r\nall of it", "all of it", None),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello", None),
        ("Content-Length: 5\r\n\r\nhello, world", "hello", None),
        ("Content-Length: 0\r\n\r\nhello", "", None),
        ("Content-Length: 9\r\n\r\nhello", "hello", truncated.clone()),
        ("Content-Length: 9\r\n\r\n", "", truncated),
    ] {
        assert_eq!(
            got(bytes).await,
            Outcome { status: 200, body: body.into(), error, reason: None },
            "{bytes:?}"
        );
    }
}

/// A stream whose end is missing, as one of TLS says it that was closed without a word.
struct Abrupt(DuplexStream);

impl AsyncRead for Abrupt {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.0).poll_read(cx, buffer))?;
        let ended = buffer.filled().len() == before;
        Poll::Ready(if ended { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) })
    }
}

impl AsyncWrite for Abrupt {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[tokio::test(start_paused = true)]
async fn tls_that_ends_without_a_word() {
    let failed = "connection failed while reading";
    for (bytes, abrupt_end, body, error) in [
        ("X: y\r\n\r\nall of it", true, "all of it", None),
        ("X: y\r\n\r\nall of it", false, "all of it", Some(format!("{failed} upstream"))),
        ("Content-Length: 9\r\n\r\nhello", true, "hello", Some(format!("{failed} upstream"))),
        ("Content-Length: 5\r\n\r\nhello", false, "hello", None),
        ("X: y\r\n", true, "", Some(format!("{failed} response header from upstream"))),
    ] {
        let (io, mut app) = duplex(1024);
        app.write_all(bytes.as_bytes()).await.unwrap();
        app.shutdown().await.unwrap();
        let config = Config::uwsgi(0, 0).abrupt_end(abrupt_end);
        let outcome = within(fetch(Abrupt(io), Request::new(Empty::<Bytes>::new()), &config)).await;
        assert_eq!((&*outcome.body, outcome.error), (body, error), "{bytes:?} {abrupt_end}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_of_a_known_length_does_not_wait_for_its_connection() {
    let (io, mut app) = duplex(1024);
    app.write_all(b"Content-Length: 2\r\n\r\nhi").await.unwrap();
    let outcome = within(fetch(io, Request::new(Empty::<Bytes>::new()), &Config::scgi())).await;
    assert_eq!((outcome.body.as_str(), outcome.error), ("hi", None));
    let mut rest = Vec::new();
    within(app.read_to_end(&mut rest)).await.unwrap(); // and it lets go of it
}

#[tokio::test(start_paused = true)]
async fn heads_that_are_none() {
    for (bytes, error) in [
        ("", "upstream prematurely closed connection"),
        ("X: y\r\n", "upstream prematurely closed connection"),
        ("no field\r\n\r\n", "upstream sent invalid header"),
        ("HTTP/1.1 101 Switching Protocols\r\n\r\n", "upstream sent invalid status"),
        (
            "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx",
            "upstream sent invalid \"Content-Length\" header",
        ),
    ] {
        let error = Some(format!("{error} while reading response header from upstream"));
        assert_eq!(got(bytes).await, Outcome { error, ..Outcome::default() }, "{bytes:?}");
    }
    let large = format!("X: {}\r\n\r\n", "y".repeat(70_000));
    assert!(
        answered(Method::GET, &[large.as_bytes()])
            .await
            .error
            .unwrap()
            .starts_with("upstream sent too big header")
    );
}

#[tokio::test(start_paused = true)]
async fn responses_without_a_body() {
    for (method, status) in [(Method::HEAD, "200 Fine"), (Method::GET, "204 None"), (Method::GET, "304 Same")]
    {
        let bytes = format!("Status: {status}\nContent-Length: 4\n\nbody");
        let outcome = answered(method, &[bytes.as_bytes()]).await;
        let (code, reason) = status.split_once(' ').unwrap();
        assert_eq!(
            (outcome.status.to_string(), outcome.body, outcome.error),
            (code.into(), String::new(), None)
        );
        assert_eq!(outcome.reason.as_deref(), Some(reason.as_bytes()));
    }
}

/// What the application gets of a request, in a pipe that takes little at once.
async fn sent<B>(request: Request<B>, config: &Config) -> (Vec<u8>, Outcome)
where
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>>,
{
    let (io, app) = duplex(100);
    let (mut reader, mut writer) = tokio::io::split(app);
    writer.write_all(b"X: y\n\n").await.unwrap();
    let app = async {
        let mut all = Vec::new();
        reader.read_to_end(&mut all).await.unwrap();
        all
    };
    // An application that answers first and reads then.
    let exchange = async {
        match send(Connection::new(io), request, config).await {
            Ok(response) => {
                let mut outcome = Outcome::default();
                let mut body = response.into_body();
                // It has no length: it goes on for as long as the request is sent.
                let frame = tokio::time::timeout(Duration::from_secs(1), body.frame()).await;
                outcome.error = frame.ok().flatten().and_then(Result::err).map(|error| error.to_string());
                outcome
            }
            Err(error) => Outcome { error: Some(error.to_string()), ..Outcome::default() },
        }
    };
    within(async { tokio::join!(app, exchange) }).await
}

fn with_params<B>(body: B) -> Request<B> {
    let mut request = Request::new(body);
    request.extensions_mut().insert(Params::builder().push("A", "b").build());
    request
}

#[tokio::test(start_paused = true)]
async fn a_request_is_its_params_and_its_body() {
    let text = "0123456789".repeat(1000);
    let (all, outcome) = sent(with_params(Full::<Bytes>::from(text.clone())), &Config::scgi()).await;
    assert_eq!(
        String::from_utf8(all).unwrap(),
        format!("32:CONTENT_LENGTH\x0010000\0SCGI\x001\0A\0b\0,{text}")
    );
    assert_eq!(outcome.error, None);
    let (all, _) = sent(with_params(Full::<Bytes>::from(text.clone())), &Config::uwsgi(1, 2)).await;
    assert_eq!(String::from_utf8(all).unwrap(), format!("\x01\x06\0\x02\x01\0A\x01\0b{text}"));
    let (all, _) = sent(with_params(Empty::<Bytes>::new()), &Config::scgi()).await;
    assert_eq!(all, b"28:CONTENT_LENGTH\x000\0SCGI\x001\0A\0b\0,");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_of_what_cannot_be() {
    let unknown = sent(with_params(Script::new().data("a")), &Config::uwsgi(0, 0)).await;
    assert_eq!(
        (unknown.0.len(), unknown.1.error.as_deref()),
        (0, Some("the length of the request body is unknown while sending request to upstream"))
    );
    let mut large = Request::new(Empty::<Bytes>::new());
    large.extensions_mut().insert(Params::builder().push("A", "b".repeat(65_535)).build());
    let (all, outcome) = sent(large, &Config::uwsgi(0, 0)).await;
    assert!(all.is_empty() && outcome.error.unwrap().starts_with("uwsgi request is too big: 65540 bytes"));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_fails_cuts_the_request() {
    let body = Script::new().data("half").error("the client left").exact();
    let (all, outcome) = sent(with_params(body), &Config::scgi()).await;
    // Nothing of it had left yet.
    assert_eq!(all, b"");
    assert_eq!(outcome.error.as_deref(), Some("request body failed while sending request to upstream"));
}
