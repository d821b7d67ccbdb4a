//! What comes back, whole and broken.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Empty;
use proptest::prelude::*;
use propylon_fastcgi::{Config, Stderr};
use tokio::io::{AsyncWriteExt, duplex};

use crate::support::{
    ERR, HEAD, OUT, Outcome, answered, done, ended, err, fetch, get, keep, out, record, within,
};

#[tokio::test(start_paused = true)]
async fn responses_come_in_any_pieces() {
    let head = "Status: 201 Made\r\nX-A: 1\r\nX-A: 2\r\nConnection: close\r\n\r\nbo";
    let bytes = [err("careful"), record(OUT, head.as_bytes(), 9), err("\n"), out("dy"), done()].concat();
    let whole = get(&bytes).await;
    assert_eq!((whole.text(), whole.reason.as_deref()), ((201, "body", None, true), Some(&b"Made"[..])));
    assert_eq!(get(&[out("Status: 404 Not Found\n\n"), done()].concat()).await.reason, None, "the usual one");
    assert_eq!(whole.fields, [("x-a".into(), "1".into()), ("x-a".into(), "2".into())]);
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(answered(Method::GET, keep(), &single).await, whole);
}

#[tokio::test(start_paused = true)]
async fn content_length_is_held_against_the_body() {
    let truncated = Some("upstream prematurely closed FastCGI stdout while reading upstream");
    for (length, pieces, expected) in [
        (5, &["hello"][..], ("hello", None, true)),
        (5, &["he", "llo"], ("hello", None, true)),
        (0, &[], ("", None, true)),
        (5, &["hello, world"], ("hello", None, false)),
        (5, &["hel", "lo", ", world"], ("hello", None, false)),
        (0, &["x"], ("", None, false)),
        (5, &["hell"], ("hell", truncated, false)),
        (5, &[], ("", truncated, false)),
    ] {
        let head = format!("Content-Length: {length}\r\n\r\n");
        for with_head in [true, false] {
            let mut text: Vec<String> = pieces.iter().copied().map(str::to_owned).collect();
            match text.first_mut().filter(|_| with_head) {
                Some(first) => first.insert_str(0, &head),
                None => text.insert(0, head.clone()),
            }
            let bytes = [text.iter().flat_map(|text| out(text)).collect(), done()].concat();
            let (body, error, kept) = expected;
            assert_eq!(get(&bytes).await.text(), (200, body, error, kept), "{length} {pieces:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn responses_that_end_badly() {
    let body = [out(HEAD), out("part")].concat();
    let http = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    for (bytes, error) in [
        (done(), "upstream prematurely closed FastCGI stdout"),
        ([out("X: y\n"), done()].concat(), "upstream prematurely closed FastCGI stdout"),
        (vec![], "upstream prematurely closed connection"),
        (out("X: y\n"), "upstream prematurely closed connection"),
        (out("no field\n\n"), "upstream sent invalid header"),
        (ended(2), "upstream sent FastCGI protocol status 2 instead of a response"),
        (http.clone(), "upstream sent unsupported FastCGI protocol version: 72"),
        ([1, OUT, 0, 2, 0, 0, 0, 0].to_vec(), "upstream sent unexpected FastCGI request id: 2"),
    ] {
        let error = Some(format!("{error} while reading response header from upstream"));
        assert_eq!(get(&bytes).await, Outcome { error, ..Outcome::default() });
    }
    for (rest, error) in [
        (vec![], "upstream prematurely closed FastCGI stdout"),
        (record(OUT, b"", 0), "upstream prematurely closed FastCGI stdout"),
        (ended(0)[..12].to_vec(), "upstream prematurely closed FastCGI stdout"),
        (ended(1), "upstream sent FastCGI protocol status 1 instead of a response"),
        (http, "upstream sent unsupported FastCGI protocol version: 72"),
        ([record(OUT, b"", 0), out("x")].concat(), "upstream sent FastCGI stdout after its end"),
    ] {
        let outcome = get(&[body.clone(), rest].concat()).await;
        let error = format!("{error} while reading upstream");
        assert_eq!(outcome.text(), (200, "part", Some(&*error), false));
    }
    // Without the record that ends stdout the end of the request is the end all the same.
    assert_eq!(get(&[body, ended(0)].concat()).await.text(), (200, "part", None, true));
}

#[tokio::test(start_paused = true)]
async fn responses_without_a_body() {
    let head = |status: &str| out(&format!("Status: {status}\nContent-Length: 4\n\n"));
    for (method, status) in [(Method::HEAD, "200"), (Method::GET, "204"), (Method::GET, "304")] {
        let all = [head(status), out("body"), done()].concat();
        let outcome = answered(method.clone(), keep(), &[&all]).await;
        assert_eq!((outcome.text().1, outcome.error.clone(), outcome.kept), ("", None, true), "{status}");
        assert_eq!(outcome.status.to_string(), status);
        assert!(outcome.fields.contains(&("content-length".into(), "4".into())));
        // What is not over yet ends with its connection.
        let outcome = answered(method.clone(), keep(), &[&head(status)]).await;
        assert_eq!((outcome.text().1, outcome.error.clone(), outcome.kept), ("", None, false), "{status}");
        let refused = [head(status), ended(1)].concat();
        assert!(!answered(method, keep(), &[&refused]).await.kept);
    }
}

/// What is heard of these records, and what comes of them.
async fn heard(catch: &[&'static str], records: &[Vec<u8>]) -> (Vec<String>, Outcome) {
    let (io, mut app) = duplex(1 << 16);
    app.write_all(&records.concat()).await.unwrap();
    app.shutdown().await.unwrap();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let to = heard.clone();
    let mut request = Request::new(Empty::<Bytes>::new());
    let hears = move |text: &[u8]| to.lock().unwrap().push(String::from_utf8_lossy(text).into_owned());
    request.extensions_mut().insert(Stderr::new(hears));
    let config = Config::new().keep_conn(true).catch_stderr(catch.iter().copied());
    let outcome = within(fetch(io, request, config)).await;
    let heard = std::mem::take(&mut *heard.lock().unwrap());
    (heard, outcome)
}

#[tokio::test(start_paused = true)]
async fn stderr_is_heard_and_caught() {
    let response = || [out(HEAD), out("body")].concat();
    let (said, outcome) =
        heard(&["Fatal"], &[err("PHP Warning: "), err("a\n"), response(), err("late\n"), done()]).await;
    assert_eq!(said, ["PHP Warning: a", "late"]);
    assert_eq!(outcome.text(), (200, "body", None, true));

    let (said, outcome) = heard(&["no", "Fatal"], &[err("PHP Fa"), err("tal\n"), response(), done()]).await;
    let error = "upstream wrote a text to stderr that `catch_stderr` matches while reading response header from upstream";
    assert_eq!((said.concat(), outcome.text()), ("PHP Fatal".into(), (0, "", Some(error), false)));

    // Once the head has gone out it is too late.
    let (said, outcome) = heard(&["Fatal"], &[response(), err("Fatal"), done()]).await;
    assert_eq!((said.concat(), outcome.text()), ("Fatal".into(), (200, "body", None, true)));
    // A connection that ends is heard out.
    assert_eq!(heard(&[], &[err("dying")]).await.0, ["dying"]);
}

proptest! {
    #[test]
    fn any_split_gives_the_same_response(
        pieces in prop::collection::vec((prop::bool::weighted(0.8), prop::collection::vec(any::<u8>(), 1..40), any::<u8>()), 0..12),
        length in prop::option::of(0_usize..200),
        end in 0..4_u8,
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..10),
    ) {
        let field = length.map(|length| format!("Content-Length: {length}\r\n")).unwrap_or_default();
        let mut bytes = [out("Status: 202\r\nX-Y: z\r\n"), out(&format!("{field}\r\n"))].concat();
        for (stdout, content, padding) in pieces {
            bytes.extend(record(if stdout { OUT } else { ERR }, &content, padding));
        }
        bytes.extend(match end {
            0 => Vec::new(),
            1 => ended(3),
            _ => done(),
        });
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let split: Vec<&[u8]> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let whole = runtime.block_on(answered(Method::GET, keep(), &[&bytes]));
        let parts = runtime.block_on(answered(Method::GET, keep(), &split));
        prop_assert_eq!(whole.status, 202);
        prop_assert_eq!(whole.error.is_none(), end >= 2 && length.is_none_or(|length| whole.body.len() == length));
        prop_assert_eq!(whole, parts);
    }
}
