//! Clients of HTTP/2, and a gateway that they talk to.
#![allow(clippy::unwrap_used, dead_code, reason = "a test; each of them uses a part of this")]

use std::net::SocketAddr;

use bytes::Bytes;
use h2::client::SendRequest;
use h2::{RecvStream, SendStream};
use http::{HeaderMap, Request, Response};
use propylon_tests::{Propylon, lossy};
use tokio::net::TcpStream;

/// A server of this name with whatever follows; its log has request lines, statuses and bytes of body.
pub(crate) fn gateway(listen: &str, rest: &str) -> Propylon {
    Propylon::start(&format!(
        "[error_log]\npath = \"@DIR@/error.log\"\nlevel = \"info\"\n\
         [log_format]\nl = '\"$request\" $status $body_bytes_sent'\n\
         [defaults.access_log]\npath = \"@DIR@/access.log\"\nformat = \"l\"\n\
         [[server]]\nlisten = [\"{listen}\"]\nname = [\"a.test\"]\n{rest}\n"
    ))
}

/// A location for everything.
pub(crate) fn proxies(to: SocketAddr, more: &str) -> String {
    format!(
        "[[server.location]]\nmatch = \"/\"\nproxy_pass = \"http://{to}\"\nlimit.body_size = \"unlimited\"\n\
         headers.set = {{ Host = \"$host\" }}\n{more}\n"
    )
}

/// A connection of the crate h2.
pub(crate) async fn connect(to: SocketAddr) -> SendRequest<Bytes> {
    let (sender, connection) = h2::client::handshake(TcpStream::connect(to).await.unwrap()).await.unwrap();
    tokio::spawn(connection);
    sender.ready().await.unwrap()
}

/// A request without a body.
pub(crate) fn get(path: &str) -> Request<()> {
    Request::get(format!("http://a.test{path}")).body(()).unwrap()
}

/// All of a body, and its trailers.
pub(crate) async fn whole(mut body: RecvStream) -> Result<(Vec<u8>, Option<HeaderMap>), h2::Error> {
    let mut all = Vec::new();
    while let Some(data) = body.data().await {
        let data = data?;
        let _ = body.flow_control().release_capacity(data.len());
        all.extend_from_slice(&data);
    }
    Ok((all, body.trailers().await?))
}

/// All of a body.
pub(crate) async fn text(response: Response<RecvStream>) -> String {
    lossy(&whole(response.into_body()).await.unwrap().0)
}

/// Sends so many bytes, as the gateway takes them, and the end.
pub(crate) async fn upload(mut body: SendStream<Bytes>, bytes: usize) {
    let mut left = Bytes::from(vec![b'y'; bytes]);
    while !left.is_empty() {
        body.reserve_capacity(left.len());
        let room = std::future::poll_fn(|cx| body.poll_capacity(cx)).await.unwrap().unwrap();
        body.send_data(left.split_to(room.min(left.len())), false).unwrap();
    }
    body.send_data(Bytes::new(), true).unwrap();
}
