//! The table of messages through hyper: where it judges in another way, and why we do not.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test"
)]

mod messages;

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use messages::Row;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A difference that is meant: which rows, and why.
struct Deliberate {
    reason: &'static str,
    applies: fn(&Row, &str) -> bool,
}

const REQUESTS: &[Deliberate] = &[
    Deliberate {
        reason: "RFC 9110 2.5: a higher minor version is understood; hyper knows 1.0 and 1.1",
        applies: |row, hyper| row.raw.starts_with("GET / HTTP/1.") && hyper == "refused",
    },
    Deliberate {
        reason: "clients send targets that http::Uri refuses, and nginx serves them",
        applies: |row, hyper| row.raw.contains(['<', '\u{E9}']) && hyper == "refused",
    },
    Deliberate {
        reason: "the exact target is kept; http::Uri drops fragments, adds slashes and writes schemes small",
        applies: |row, hyper| !refused(row) && hyper != "refused" && row.raw.contains(['#', ':']),
    },
    Deliberate {
        reason: "a method is of capital letters, - and _, as in nginx; hyper takes any token",
        applies: |row, _| row.ours == "400 Method" && row.raw.to_lowercase().starts_with('g'),
    },
    Deliberate {
        reason: "RFC 9112 3.2: which form of target a method may have; hyper takes what http::Uri can hold",
        applies: |row, _| row.ours == "400 Target",
    },
    Deliberate {
        reason: "RFC 9110 9.3.6: a body of CONNECT means nothing",
        applies: |row, _| row.ours.ends_with("ConnectWithBody"),
    },
    Deliberate {
        reason: "empty lines before a request are bounded",
        applies: |row, _| row.raw.starts_with("\n\n\n\n\n"),
    },
    Deliberate {
        reason: "no tab around what frames: nginx and others overlook the field",
        applies: |row, _| row.raw.contains('\t') && refused(row),
    },
    Deliberate {
        reason: "RFC 9112 6.3: Transfer-Encoding with Content-Length; hyper drops the length",
        applies: |row, _| row.ours.ends_with("LengthAndEncoding"),
    },
    Deliberate {
        reason: "equal lengths are refused when there are two, as in nginx",
        applies: |row, _| {
            row.ours.ends_with("ContentLength") && row.raw.contains("Length: 2\r\nContent-Length: 2")
        },
    },
    Deliberate {
        reason: "RFC 9112 6.1: codings that are not understood; hyper looks at the last one only, and passes the rest on encoded",
        applies: |row, _| row.ours.ends_with("TransferEncoding") || row.ours.ends_with("CodingUnsupported"),
    },
    Deliberate {
        reason: "RFC 9112 7.1: nothing but an extension stands behind a chunk's size, no control in it, and sixteen digits are enough",
        applies: |row, _| row.ours.contains("!Chunk"),
    },
];

const RESPONSES: &[Deliberate] = &[
    Deliberate {
        reason: "RFC 9110 2.5: a higher minor version is understood; hyper knows 1.0 and 1.1",
        applies: |row, hyper| row.raw.starts_with("HTTP/1.2") && hyper == "refused",
    },
    Deliberate {
        reason: "RFC 9112 6.1: chunks in HTTP/1.0 are taken, and the connection is not used again",
        applies: |row, hyper| row.raw.starts_with("HTTP/1.0") && hyper == "refused",
    },
    Deliberate {
        reason: "interim responses are the caller's to see: hyper's client passes over them, and ours as well, once it has told",
        applies: |row, _| row.raw.starts_with("HTTP/1.1 10"),
    },
    Deliberate {
        reason: "RFC 9112 2.2 lets empty lines pass before requests only",
        applies: |row, _| row.raw.starts_with("\r\n"),
    },
    Deliberate {
        reason: "RFC 9112 6.3: framing in doubt; hyper takes lengths that are equal or of no use, and drops the length beside chunks",
        applies: |row, _| ["LengthAndEncoding", "ContentLength"].contains(&row.ours),
    },
    Deliberate {
        reason: "codings that are not understood; hyper passes the body on encoded, and reads until the end what it cannot frame",
        applies: |row, _| ["CodingUnsupported", "TransferEncoding"].contains(&row.ours),
    },
];

/// Whether we refuse this request.
fn refused(row: &Row) -> bool {
    reduced(row) == "refused"
}

/// Fails with what no entry explains, and with entries that explain nothing.
fn judge(differences: &[(&Row, String)], table: &[Deliberate]) {
    let explains = |(row, hyper): &(&Row, String)| table.iter().position(|entry| (entry.applies)(row, hyper));
    let (explained, rest): (Vec<_>, Vec<_>) = differences.iter().partition(|row| explains(row).is_some());
    let rest: Vec<_> =
        rest.iter().map(|(row, hyper)| format!("{:?}: {}, hyper {hyper}", row.raw, row.ours)).collect();
    assert!(rest.is_empty(), "{}", rest.join("\n"));
    let used: Vec<_> = explained.into_iter().filter_map(explains).collect();
    let stale = (0..table.len()).find(|entry| !used.contains(entry));
    assert!(stale.is_none(), "nothing differs any more by: {}", table[stale.unwrap()].reason);
}

/// What hyper's server makes of a request, in the words of `reduced`.
#[expect(clippy::disallowed_methods, reason = "the bodies are those of the table")]
async fn asked(row: &Row) -> String {
    let (mut client, server) = tokio::io::duplex(1 << 20);
    let seen = Arc::<Mutex<Option<String>>>::default();
    let service = service_fn({
        let seen = Arc::clone(&seen);
        move |request: Request<Incoming>| {
            let seen = Arc::clone(&seen);
            async move {
                let (head, body) = request.into_parts();
                let text = format!("{} {}", head.method, head.uri);
                let text = match body.collect().await {
                    Ok(body) => format!("{text} {}", body.to_bytes().escape_ascii()),
                    Err(_) => "refused".to_owned(),
                };
                seen.lock().unwrap().get_or_insert(text);
                Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
            }
        }
    });
    let task = tokio::spawn(
        hyper::server::conn::http1::Builder::new()
            .half_close(true)
            .serve_connection(TokioIo::new(server), service),
    );
    client.write_all(&row.bytes()).await.unwrap();
    client.shutdown().await.unwrap();
    client.read_to_end(&mut Vec::new()).await.unwrap();
    let _ = task.await.unwrap();
    let seen = seen.lock().unwrap().take();
    seen.unwrap_or_else(|| "refused".to_owned())
}

/// What hyper's client makes of a response.
async fn answered(method: &str, row: &Row) -> String {
    let (client, mut server) = tokio::io::duplex(1 << 20);
    let bytes = row.bytes();
    let peer = tokio::spawn(async move {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            server.read_buf(&mut head).await.unwrap();
        }
        server.write_all(&bytes).await.unwrap();
    });
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(client)).await.unwrap();
    let task = tokio::spawn(connection);
    let request = Request::builder().method(Method::from_bytes(method.as_bytes()).unwrap()).uri("/");
    let text = match sender.send_request(request.body(Empty::<Bytes>::new()).unwrap()).await {
        Ok(response) => {
            let status = response.status().as_u16();
            let mut body = response.into_body();
            let (mut data, mut cut) = (Vec::new(), "");
            while let Some(frame) = body.frame().await {
                match frame {
                    Ok(frame) => data.extend_from_slice(&frame.into_data().unwrap_or_default()),
                    Err(_) => cut = " cut",
                }
            }
            format!("{status} {}{cut}", data.escape_ascii())
        }
        Err(_) => "refused".to_owned(),
    };
    drop(sender);
    let _ = (task.await, peer.await);
    text
}

/// What the table says of ourselves, of a request: `GET /a body`, or `refused`.
fn reduced(row: &Row) -> String {
    if row.ours.starts_with(['4', '5']) || row.ours.contains('!') || row.ours == "closed" {
        return "refused".to_owned();
    }
    let (head, body) = row.ours.split_once(" body=").unwrap_or((row.ours, ""));
    let words: Vec<_> = head.split(' ').collect();
    let body = body.split(" rest=").next().unwrap_or_default().split(" trailers=").next().unwrap_or_default();
    format!("{} {} {body}", words[0], words[1])
}

/// The same, of a response: `200 body`, `200 body cut`, or `refused`.
fn reduced_response(row: &Row) -> String {
    let (head, body) = row.ours.split_once(" body=").unwrap_or((row.ours, ""));
    if !head.starts_with(|char: char| char.is_ascii_digit()) {
        return "refused".to_owned();
    }
    let body = body.split(" rest=").next().unwrap_or_default();
    let (body, cut) = body.split_once(" !").map_or((body, ""), |(body, _)| (body, " cut"));
    format!("{} {body}{cut}", &head[..3])
}

#[tokio::test]
async fn requests_to_hyper() {
    let mut differences = Vec::new();
    for row in messages::requests() {
        let hyper = asked(row).await;
        if hyper != reduced(row) {
            differences.push((row, hyper));
        }
    }
    judge(&differences, REQUESTS);
}

#[tokio::test]
async fn responses_to_hyper() {
    let mut differences = Vec::new();
    for (method, row) in messages::responses() {
        let hyper = answered(method, row).await;
        if hyper != reduced_response(row) {
            differences.push((row, hyper));
        }
    }
    judge(&differences, RESPONSES);
}
