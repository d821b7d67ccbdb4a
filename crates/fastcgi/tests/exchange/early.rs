//! Applications that answer before they have read.

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use crate::support::{App, HEAD, OUT, done, fetch, keep, out, record, within};

/// A request with a body far larger than what the pipe takes.
fn upload() -> Request<Full<Bytes>> {
    Request::new(Full::new(vec![b'u'; 1 << 20].into()))
}

#[tokio::test(start_paused = true)]
async fn an_application_may_write_all_before_it_reads() {
    let (io, app) = duplex(4096);
    let app = async {
        let mut app = App(app);
        app.head().await;
        app.say(out(HEAD)).await;
        for _ in 0..20 {
            app.say(record(OUT, &[b'd'; 60_000], 0)).await;
        }
        let (pieces, whole) = app.stdin().await;
        assert!(whole && pieces.concat() == vec![b'u'; 1 << 20]);
        app.say(done()).await;
    };
    let (outcome, ()) = within(async { tokio::join!(fetch(io, upload(), keep()), app) }).await;
    assert_eq!((outcome.error, outcome.body.len(), outcome.kept), (None, 1_200_000, true));
}

#[tokio::test(start_paused = true)]
async fn an_early_response_is_whole_but_the_connection_is_not_kept() {
    for reads in [true, false] {
        let (io, app) = duplex(4096);
        let app = async {
            let mut app = App(app);
            if reads {
                app.head().await;
            }
            app.say([out("Status: 413\n\ntoo large"), done()].concat()).await;
            app.0.read_to_end(&mut Vec::new()).await.unwrap(); // it is closed
        };
        let (outcome, ()) = within(async { tokio::join!(fetch(io, upload(), keep()), app) }).await;
        assert_eq!(outcome.text(), (413, "too large", None, false), "{reads}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_said_counts_though_the_rest_is_not_read() {
    let (io, mut app) = duplex(4096);
    app.write_all(&[out("Status: 403\n\nno"), done()].concat()).await.unwrap();
    drop(app); // writing fails at once
    let outcome = within(fetch(io, upload(), keep())).await;
    assert_eq!(outcome.text(), (403, "no", None, false));
}
