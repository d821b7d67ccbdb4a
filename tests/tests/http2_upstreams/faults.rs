//! The matrix: what a bad peer does, and who gets the request then.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use propylon_testkit::http2::Frames;
use propylon_tests::{End, addresses, raw_request};

use crate::support::{gateway, line, location, peer, whole};

/// Answers every request with "good".
async fn good(mut frames: Frames, count: Arc<AtomicUsize>) -> std::io::Result<()> {
    loop {
        let id = whole(&mut frames).await?;
        count.fetch_add(1, SeqCst);
        frames.answer(id, "good").await?;
    }
}

/// What a bad peer does with a request, once its body has come.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    Refuses,
    GoesAway,
    Resets,
    Closes,
    Garbage,
    HugeHead,
    Stalls,
    HalfBody,
}

impl Fault {
    const ALL: [Self; 8] = [
        Self::Refuses,
        Self::GoesAway,
        Self::Resets,
        Self::Closes,
        Self::Garbage,
        Self::HugeHead,
        Self::Stalls,
        Self::HalfBody,
    ];

    async fn commit(self, mut frames: Frames) -> std::io::Result<()> {
        loop {
            let id = whole(&mut frames).await?;
            match self {
                Self::Refuses => frames.reset(id, 7).await?,
                Self::GoesAway => {
                    frames.go_away(id.saturating_sub(2), 0).await?;
                    return frames.hang().await;
                }
                Self::Resets => frames.reset(id, 2).await?,
                Self::Closes => return Ok(()),
                Self::Garbage => frames.bytes(&[0xFF; 64]).await?,
                Self::HugeHead => {
                    frames.head(id, &[(":status", "200"), ("x", &"y".repeat(9000))], true).await?
                }
                Self::Stalls => {}
                Self::HalfBody => {
                    frames.head(id, &[(":status", "200"), ("content-length", "8")], false).await?;
                    frames.data(id, b"half", false).await?;
                    frames.reset(id, 2).await?;
                }
            }
        }
    }

    /// Whether the peer provably did nothing with the request.
    fn is_harmless(self) -> bool {
        matches!(self, Self::Refuses | Self::GoesAway)
    }
}

/// The fault matrix: what the bad peer does × method × body × which peer comes first.
#[test]
fn faults_by_method_and_body() {
    for fault in Fault::ALL {
        for bad_first in [true, false] {
            let served = Arc::new(AtomicUsize::new(0));
            let count = Arc::clone(&served);
            let bad = peer(move |_, frames| fault.commit(frames));
            let fine = peer(move |_, frames| good(frames, Arc::clone(&count)));
            let [listen] = addresses();
            let (bad_at, good_at) = (bad.addr(), fine.addr());
            let (first, second) = if bad_first { (bad_at, good_at) } else { (good_at, bad_at) };
            let read = if fault == Fault::Stalls { "300ms" } else { "10s" };
            let gateway = gateway(
                listen,
                &(location(
                    "http://pair",
                    &format!(
                        "timeout.read = \"{read}\"\nretry.on = [\"error\", \"timeout\", \"invalid_header\"]"
                    ),
                ) + &format!(
                    "[upstream.pair]\nserver = [{{ address = \"{first}\", max_fails = 0 }}, {{ address = \"{second}\", max_fails = 0 }}]\n"
                )),
            );
            let mut lines = 0;
            for (method, body) in [("GET", 0), ("POST", 0), ("POST", 10), ("POST", 200_000), ("PUT", 200_000)]
            {
                // Round robin: the second of two goes to the other peer first.
                for turn in 0..2 {
                    let before = served.load(SeqCst);
                    let mut request =
                        format!("{method} / HTTP/1.1\r\nHost: a.test\r\nContent-Length: {body}\r\n\r\n")
                            .into_bytes();
                    request.resize(request.len() + body, b'x');
                    let answer = raw_request(listen, &request).unwrap();
                    lines += 1;
                    let log = line(&gateway, lines);
                    let what =
                        format!("{fault:?} {method} {body} turn {turn}, bad first: {bad_first}: {log}");
                    let met_bad = log.contains(&bad_at.to_string());
                    let again = method != "POST" || fault.is_harmless();
                    let done = served.load(SeqCst) - before;
                    if met_bad && fault == Fault::HalfBody {
                        assert_eq!(
                            (answer.status, answer.end, &*answer.body),
                            (200, End::Cut, &b"half"[..]),
                            "{what}"
                        );
                    } else if met_bad && !again {
                        let status = if fault == Fault::Stalls { 504 } else { 502 };
                        assert_eq!((answer.status, done), (status, 0), "{what}");
                        assert!(log.starts_with(&format!("{status} [{status}] [{bad_at}] ")), "{what}");
                    } else {
                        assert_eq!((answer.status, answer.text().as_str(), done), (200, "good", 1), "{what}");
                        let tried = if met_bad {
                            let failed = if fault == Fault::Stalls { 504 } else { 502 };
                            format!("200 [{failed}, 200] [{bad_at}, {good_at}] 0, 4 /")
                        } else {
                            format!("200 [200] [{good_at}] 4 /")
                        };
                        assert_eq!(log, tried, "{what}");
                    }
                }
            }
        }
    }
}
