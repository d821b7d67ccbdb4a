//! Connections that are kept, and such as are closed.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Method, Request};
use http_body::Body as _;
use http_body_util::{BodyExt, Full};
use propylon_fastcgi::{Config, Connection, send};
use tokio::io::duplex;

use crate::support::{
    App, HEAD, OUT, Outcome, Pool, Step, answered, done, ended, get, out, read, record, script, within,
};

#[tokio::test(start_paused = true)]
async fn a_connection_comes_back_when_all_is_in_order() {
    let good = [out(HEAD), done()].concat();
    assert!(get(&good).await.kept);
    assert!(!answered(Method::GET, Config::new(), &[&good]).await.kept, "it was not asked for");
    for behind in [&b"x"[..], &out("more"), &ended(0)] {
        let outcome = get(&[&good, behind].concat()).await;
        assert_eq!((outcome.error, outcome.kept), (None, false));
    }
}

#[tokio::test(start_paused = true)]
async fn a_kept_connection_carries_the_next_request() {
    let (io, app) = duplex(4096);
    let (pool, config) = (Pool::default(), Arc::new(Config::new().keep_conn(true)));
    let app = async {
        let mut app = App(app);
        for turn in 0..3_u8 {
            assert_eq!(app.request().await, [turn; 3]);
            app.say([out(HEAD), record(OUT, &[turn; 5], 3), done()].concat()).await;
        }
        app
    };
    let client = async {
        let mut connection = Connection::new(io);
        for turn in 0..3_u8 {
            let request = Request::new(Full::new(Bytes::from(vec![turn; 3])));
            let response = send(connection, request, config.clone(), pool.clone()).await.unwrap();
            assert!(pool.0.lock().unwrap().is_none(), "it is with the body");
            let mut outcome = Outcome::default();
            read(response.into_body(), &mut outcome).await;
            assert_eq!((outcome.body, outcome.error), (vec![turn; 5], None));
            connection = pool.0.lock().unwrap().take().unwrap();
        }
        connection
    };
    let (app, mut connection) = within(async { tokio::join!(app, client) }).await;
    let counters = connection.counters();
    assert!(counters.sent() == 3 * (16 + 8 + 8 + 3 + 8) && counters.received() > 100, "{counters:?}");
    let mut idle = || connection.poll_idle(&mut Context::from_waker(std::task::Waker::noop()));
    assert!(idle().is_pending());
    drop(app);
    assert!(idle().is_ready());
}

#[tokio::test(start_paused = true)]
async fn dropping_closes() {
    for answered in [false, true] {
        let (io, app) = duplex(1 << 16);
        let mut app = App(app);
        let body = script([Step::Data("x".into()), Step::Stall]);
        let mut sending = send(Connection::new(io), Request::new(body), Arc::default(), Pool::default());
        let polled = std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut sending).poll(cx))).await;
        assert!(polled.is_pending());
        app.head().await;
        if answered {
            app.say([out(HEAD), out("part")].concat()).await;
            let mut body = within(sending).await.unwrap().into_body();
            assert!(!body.is_end_stream());
            assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "part");
            drop(body);
        } else {
            drop(sending);
        }
        assert_eq!(within(app.stdin()).await, (vec![b"x".to_vec()], false));
    }
}
