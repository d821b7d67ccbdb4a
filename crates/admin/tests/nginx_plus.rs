//! nginx Plus' API as a worker asks it.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::future::poll_fn;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{self, SyncSender};
use std::task::Poll;

use bytes::Bytes;
use http::Response;
use propylon_admin::NginxApi;
use propylon_gateway::insight::Insight;
use propylon_gateway::log::Sinks;
use propylon_gateway::{Answering, Api, Gateway, Question, Start, report_trouble};
use tokio::runtime::Builder;

/// Hands on what the API would answer.
struct Hands(NginxApi, SyncSender<Answering>);

impl Api for Hands {
    fn answer(&self, insight: Insight, question: Question) -> Answering {
        let _ = self.1.send(self.0.answer(insight, question));
        Box::pin(async { Response::new(Bytes::new()) })
    }
}

/// What may take long is done by others: here by the only one who does such things, and he is busy.
#[test]
fn the_worker_goes_on_while_it_is_looked() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("socket");
    let text = format!(
        "[runtime]\nworkers = 1\n[[server]]\nlisten = [\"unix:{}\"]\n[[server.location]]\nmatch = \"/\"\napi = {{ write = true }}\n",
        socket.display()
    );
    let config = propylon_config::parse(&text, "test.toml").unwrap().config;
    let (give, given) = mpsc::sync_channel(1);
    let start = Start::new(Sinks::spawn(report_trouble).unwrap()).api(Hands(NginxApi::new(), give));
    let outside = Builder::new_current_thread().enable_all().build().unwrap();
    let gateway = outside.block_on(Gateway::start(config, start)).unwrap();
    for (line, status) in [("GET /9/connections", 200), ("DELETE /9/connections", 204), ("GET /9/no", 404)] {
        let mut client = UnixStream::connect(&socket).unwrap();
        write!(client, "{line} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
        client.read_to_end(&mut Vec::new()).unwrap();
        let mut answer = given.recv().unwrap();
        let worker = Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
        worker.block_on(async {
            let (over, busy) = mpsc::sync_channel::<()>(1);
            drop(tokio::task::spawn_blocking(move || busy.recv()));
            if status != 404 {
                let waits = poll_fn(|cx| Poll::Ready(answer.as_mut().poll(cx).is_pending())).await;
                assert!(waits, "{line}");
            }
            drop(over);
            assert_eq!(answer.await.status(), status, "{line}");
        });
    }
    outside.block_on(gateway.stop());
}
