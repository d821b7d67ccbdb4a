//! The scripted body plays its steps and tells its fate.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{future::poll_fn, pin::Pin, time::Duration};

use http_body::Body;
use propylon_testkit::{body::Script, gate::Gate};
use tokio::time::Instant;

async fn next(body: &mut Script) -> Option<Result<String, String>> {
    let frame = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await?;
    Some(match frame {
        Ok(frame) => Ok(String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap()),
        Err(error) => Err(error.to_string()),
    })
}

#[tokio::test(start_paused = true)]
async fn steps_are_played_in_order() {
    let gate = Gate::new();
    let mut body = Script::new().data("a").sleep(Duration::from_secs(9)).wait(&gate).data("b").error("no");
    let watch = body.watch();
    let start = Instant::now();
    assert_eq!(next(&mut body).await, Some(Ok("a".into())));
    gate.open();
    assert_eq!(next(&mut body).await, Some(Ok("b".into())));
    assert_eq!(start.elapsed(), Duration::from_secs(9));
    assert!(!watch.ended());
    assert_eq!(next(&mut body).await, Some(Err("no".into())));
    assert!(watch.ended());
    assert_eq!(next(&mut body).await, None);
    drop(body);
    assert!(watch.dropped() && !watch.dropped_early());
}

#[test]
fn the_end_is_announced_or_not() {
    assert!(Script::new().is_end_stream());
    assert!(!Script::new().end_unannounced().is_end_stream());
    assert!(!Script::new().data("a").is_end_stream());
}

#[test]
fn the_length_is_told_or_not() {
    assert_eq!(Script::new().data("abc").data("de").exact().size_hint().exact(), Some(5));
    assert_eq!(Script::new().data("abc").size_hint().exact(), None);
}
