//! What connections that are passed on need of a tunnel: one end for both, one limit for all that stands still, rates.

use std::num::NonZeroU64;
use std::time::Duration;

use propylon_tunnel::{End, Limits, Tunnel, Waited};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::{Instant, sleep, timeout};

const MINUTE: Duration = Duration::from_secs(60);

fn tunnel(size: usize) -> (DuplexStream, DuplexStream, Tunnel<DuplexStream, DuplexStream>) {
    let (browser, client) = duplex(size);
    let (upstream, server) = duplex(size);
    (browser, server, Tunnel::new(client, upstream))
}

#[tokio::test(start_paused = true)]
async fn without_half_close_one_end_is_both() {
    for clients_first in [true, false] {
        let (browser, server, tunnel) = tunnel(16);
        let ended = tokio::spawn(tunnel.half_close(false));
        let (mut first, mut second) = if clients_first { (browser, server) } else { (server, browser) };
        let says = async {
            first.write_all(&[7; 150]).await.unwrap();
            first.shutdown().await.unwrap();
        };
        let mut heard = Vec::new();
        let ((), read) = tokio::join!(says, second.read_to_end(&mut heard));
        read.unwrap();
        assert_eq!(heard, [7; 150], "all that came before the end");
        let ended = timeout(MINUTE, ended).await.expect("an end").unwrap();
        assert!(matches!(ended, End::Closed), "clients first: {clients_first}");
        assert_eq!(first.read(&mut [0]).await.unwrap(), 0, "who said its last is closed too");
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_moves_is_not_idle() {
    let (mut browser, mut server, tunnel) = tunnel(16);
    let ended = tokio::spawn(tunnel.limits(Limits::new().idle(MINUTE)));
    server.write_all(&[7; 32]).await.unwrap(); // of which the client takes nothing
    for _ in 0..5 {
        sleep(MINUTE - Duration::from_secs(1)).await;
        browser.write_all(b"x").await.unwrap();
        server.read_exact(&mut [0]).await.unwrap();
    }
    let since = Instant::now();
    let ended = timeout(2 * MINUTE, ended).await.expect("an end").unwrap();
    let End::TimedOut(Waited::Anybody, limit) = ended else { panic!() };
    assert_eq!(
        (limit, since.elapsed().as_secs()),
        (MINUTE, 60),
        "a reader that does not read is limited as well"
    );
}

#[tokio::test(start_paused = true)]
async fn each_direction_has_its_rate() {
    let rate = NonZeroU64::new(100).unwrap();
    for up in [true, false] {
        let (browser, server, tunnel) = tunnel(1 << 16);
        // The limit is shorter than a pause of the rate: who is held back is not late.
        let tunnel = tunnel.limits(Limits::new().idle(Duration::from_millis(500)));
        let ended = tokio::spawn(if up { tunnel.upload_rate(rate) } else { tunnel.download_rate(rate) });
        let (mut from, mut to) = if up { (browser, server) } else { (server, browser) };
        let since = Instant::now();
        from.write_all(&[7; 1000]).await.unwrap();
        to.read_exact(&mut [0; 1000]).await.unwrap();
        assert_eq!(since.elapsed().as_secs(), 9, "the first hundred come at once; up: {up}");
        // The other direction goes as fast as it can.
        to.write_all(&[7; 30_000]).await.unwrap();
        let since = Instant::now();
        from.read_exact(&mut [0; 30_000]).await.unwrap();
        assert_eq!(since.elapsed(), Duration::ZERO, "up: {up}");
        drop((from, to));
        assert!(matches!(ended.await.unwrap(), End::Closed));
    }
}

/// Timers count milliseconds, in which a fast direction moves more than one buffer.
#[tokio::test(start_paused = true)]
async fn a_high_rate_is_reached_and_not_passed() {
    const SIZE: usize = 10_000_000;
    for buffer in [16 << 10, 64 << 10] {
        let (mut browser, mut server, tunnel) = tunnel(1 << 20);
        let tunnel = tunnel.buffer(buffer).download_rate(NonZeroU64::new(50_000_000).unwrap());
        let _ended = tokio::spawn(tunnel);
        let since = Instant::now();
        let says = tokio::spawn(async move {
            server.write_all(&vec![7; SIZE]).await.unwrap();
            server
        });
        browser.read_exact(&mut vec![0; SIZE]).await.unwrap();
        let took = since.elapsed().as_millis();
        assert!((190..=210).contains(&took), "{took} ms, a buffer of {buffer}");
        drop(says.await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_earns_no_haste() {
    let (mut browser, mut server, tunnel) = tunnel(1 << 16);
    let _ended = tokio::spawn(tunnel.upload_rate(NonZeroU64::new(100).unwrap()));
    sleep(MINUTE).await;
    let since = Instant::now();
    browser.write_all(&[7; 500]).await.unwrap();
    server.read_exact(&mut [0; 500]).await.unwrap();
    assert_eq!(since.elapsed().as_secs(), 4);
}
