//! Connections are accepted, and go to whoever serves them.

use std::sync::Arc;

use propylon_config::ListenAddress;
use propylon_exchange::Connection;
use tokio_util::sync::CancellationToken;

use super::Worker;
use crate::client::{self, Stream};
use crate::edge::Edge;
use crate::failures::AcceptFailures;
use crate::handshake::{self, Unserved};
use crate::listener::Accepting;
use crate::router::Listener;
use crate::tally::Open;

/// Accepts connections until told not to.
pub(super) async fn accept(
    listener: Accepting,
    address: ListenAddress,
    worker: Arc<Worker>,
    enough: CancellationToken,
) {
    let place = worker.place(&address);
    let edge = Edge::new(place.clone());
    let mut failures = AcceptFailures::at(address);
    loop {
        let accepted = tokio::select! {
            biased;
            () = enough.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer, local)) => {
                failures.over();
                let connection = Connection::new(worker.runtime.next_connection(), peer, local);
                let open = Open::new(&worker.ledger);
                if let Some(at) = place.stream() {
                    worker.run(crate::stream::serve(stream, connection, at, open));
                    continue;
                }
                let listener = place.listener().filter(|listener| listener.tls || listener.proxy_protocol);
                let (edge, serving) = (edge.clone(), worker.clone());
                match listener {
                    None => {
                        let client = serving.client(connection, place.clone(), open);
                        worker.connections.spawn(async move {
                            client::serve(stream, client, edge, &serving.ticker, serving.drain.clone()).await;
                        });
                    }
                    Some(listener) => {
                        worker.connections.spawn(serve_greeted(
                            stream,
                            (connection, open),
                            listener,
                            edge,
                            serving,
                        ));
                    }
                }
            }
            Err(error) => failures.pause(&error).await,
        }
    }
}

/// Serves a connection that begins with something else than requests: the PROXY protocol, TLS, or both.
async fn serve_greeted(
    stream: Stream,
    (connection, open): (Connection, Open),
    listener: Arc<Listener>,
    edge: Edge,
    worker: Arc<Worker>,
) {
    // Also while the worker drains: who has just been accepted may have asked already, and is owed an answer, as in nginx.
    let shaken = handshake::begin(stream, connection, &listener).await;
    drop(listener); // a configuration that was replaced is gone with its last request, not with its last connection
    match shaken {
        Ok((stream, connection)) => {
            if let Some(tls) = &connection.tls {
                open.ledger().shook_hands(tls.resumed);
            }
            let client = worker.client(connection, edge.place().clone(), open);
            client::serve(stream, client, edge, &worker.ticker, worker.drain.clone()).await;
        }
        Err(Unserved::Failed) => open.ledger().handshakes_failed.add(1),
        Err(Unserved::Over) => {}
    }
}
