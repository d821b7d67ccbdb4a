//! What is sent, and whether it was.

use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http_body_util::{Empty, Full};
use propylon_fastcgi::{Config, Connection, Error, Params, send};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use crate::support::{App, BEGIN, HEAD, PARAMS, STDIN, Step, done, fetch, out, record, script, within};

#[tokio::test(start_paused = true)]
async fn a_request_is_what_the_specification_says() {
    for keep in [false, true] {
        let (io, mut app) = duplex(1 << 16);
        let steps =
            ["hello", "", "!"].map(|data| Step::Data(data.into())).into_iter().chain([Step::Trailers]);
        let mut request = Request::new(script(steps));
        request.extensions_mut().insert(Params::builder().push("A", "b").push("QUERY_STRING", "").build());
        let sending = fetch(io, request, Config::new().keep_conn(keep));
        let expected = [
            record(BEGIN, &[0, 1, u8::from(keep), 0, 0, 0, 0, 0], 0),
            record(PARAMS, b"\x01\x01Ab\x0c\x00QUERY_STRING", 6),
            record(PARAMS, b"", 0),
            record(STDIN, b"hello", 0),
            record(STDIN, b"!", 0),
            record(STDIN, b"", 0),
        ]
        .concat();
        let mut seen = vec![0; expected.len()];
        let app = async {
            app.read_exact(&mut seen).await.unwrap();
            app.write_all(&[out(HEAD), done()].concat()).await.unwrap();
            assert_eq!(app.read_to_end(&mut Vec::new()).await.unwrap(), 0, "there is more than a request");
        };
        let outcome = within(async { tokio::join!(async { sending.await.status }, app).0 }).await;
        assert_eq!((outcome, seen), (200, expected), "{keep}");
    }
}

#[tokio::test(start_paused = true)]
async fn long_params_and_bodies_take_several_records() {
    let (io, app) = duplex(10_000);
    let sent: Vec<u8> = (0..200_000_u32).map(|n| n.to_le_bytes()[1]).collect();
    let mut request = Request::new(Full::new(Bytes::from(sent.clone())));
    let long = "v".repeat(150_000);
    request.extensions_mut().insert(Params::builder().push("LONG", &long).build());
    let app = async {
        let mut app = App(app);
        let (flags, params) = app.head().await;
        assert_eq!((flags, params.len()), (0, 1 + 4 + 4 + long.len()));
        let (pieces, whole) = app.stdin().await;
        assert!(whole && pieces.len() > 3 && pieces.concat() == sent);
        app.say([out(HEAD), done()].concat()).await;
    };
    let (outcome, ()) = within(async { tokio::join!(fetch(io, request, Config::new()), app) }).await;
    assert_eq!(outcome.text(), (200, "", None, false));
}

#[tokio::test(start_paused = true)]
async fn whether_a_request_was_sent_is_known() {
    for sent in [false, true] {
        let (io, app) = duplex(1 << 16);
        let app = async {
            let mut app = App(app);
            if sent {
                app.request().await;
            }
        };
        let request = Request::new(Empty::<Bytes>::new());
        let sending = send(Connection::new(io), request, Arc::default(), ());
        // The application is first: it may have gone before anything was sent.
        let ((), response) = within(async { tokio::join!(app, sending) }).await;
        let error = response.unwrap_err();
        assert!(matches!(error, Error::Closed { sent: found } if found == sent), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_body_that_fails_never_looks_complete() {
    for answers in [false, true] {
        let (io, app) = duplex(if answers { 64 } else { 1 << 16 });
        let (tell, told) = tokio::sync::oneshot::channel();
        let steps = [Step::Data(vec![b'x'; 100].into()), Step::Wait(told), Step::Fail];
        let request = Request::new(script(steps));
        let app = async {
            let mut app = App(app);
            app.head().await;
            if answers {
                app.say(out("X: y\n\npart")).await;
                for _ in 0..10 {
                    tokio::task::yield_now().await; // the client has read it by then
                }
            }
            tell.send(()).unwrap();
            assert!(!app.stdin().await.1, "its end was sent");
        };
        let (outcome, ()) = within(async { tokio::join!(fetch(io, request, Config::new()), app) }).await;
        assert_eq!(outcome.error.as_deref(), Some("request body failed while sending request to upstream"));
        assert_eq!(outcome.status, if answers { 200 } else { 0 });
    }
}
