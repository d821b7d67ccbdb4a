//! A slow client of a quick service: `cargo run -p propylon-buffer --example standalone`.
//!
//! The service has 4 MiB to say. It is done long before the client is, which takes a piece a millisecond.
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use propylon_buffer::{BoxError, ResponseBufferLayer};
use tower::{Layer, ServiceExt, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let service =
        service_fn(|_: Request<()>| async { Ok::<_, Infallible>(Response::new(Talk { left: 4 << 20 })) });
    let layer = ResponseBufferLayer::new(std::env::temp_dir()).count(8).size(16 * 1024);

    let mut body = layer.layer(service).oneshot(Request::new(())).await?.into_body();
    let mut taken = 0;
    while let Some(frame) = body.frame().await {
        taken += frame?.data_ref().map_or(0, Bytes::len);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    println!("the client has all {taken} bytes");
    Ok(())
}

/// A body that is always ready to go on.
struct Talk {
    left: usize,
}

impl Body for Talk {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let piece = self.left.min(16 * 1024);
        self.left -= piece;
        Poll::Ready(Some(Ok(Frame::data(vec![b'x'; piece].into()))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left as u64)
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        println!("the service has said all, and is free");
    }
}
