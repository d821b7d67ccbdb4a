//! What a server is asked, and what its answers mean: against one that says what a test has it say.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use propylon_cache::store::tier::{Mark, Place, Tier, TierError};
use propylon_cache::store::{Key, Variant};
use propylon_cache_redis::{Redis, Server};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufStream};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Mutex, mpsc};

/// What it was asked, and what it is to say.
struct Peer {
    asked: Mutex<mpsc::Receiver<String>>,
    says: mpsc::Sender<&'static str>,
    _directory: tempfile::TempDir,
}

/// A tier that is connected, and its peer.
async fn connected(build: impl FnOnce(Redis) -> Redis, greeting: &[&str]) -> (Redis, Arc<Peer>) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let (tell, asked) = mpsc::channel(16);
    let (says, said) = mpsc::channel(16);
    let said = Arc::new(Mutex::new(said));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(BufStream::new(stream), tell.clone(), Arc::clone(&said)));
        }
    });
    let peer = Arc::new(Peer { asked: Mutex::new(asked), says, _directory: directory });
    let server = Server::parse(&format!("unix:{}?db=2", path.display())).unwrap();
    let redis = build(Redis::new(server, "p:"));
    for _ in 0..2 {
        greeting.iter().for_each(|_| peer.says.try_send("+OK\r\n").unwrap());
    }
    redis.connect().await.unwrap();
    for _ in 0..2 {
        for expected in greeting {
            assert_eq!(peer.heard().await, *expected);
        }
    }
    (redis, peer)
}

async fn serve(
    mut stream: BufStream<UnixStream>,
    tell: mpsc::Sender<String>,
    said: Arc<Mutex<mpsc::Receiver<&'static str>>>,
) {
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.unwrap() == 0 {
            return;
        }
        let count = line.trim_end().strip_prefix('*').unwrap().parse::<usize>().unwrap();
        let mut words = Vec::new();
        for _ in 0..count {
            line.clear();
            stream.read_line(&mut line).await.unwrap();
            let mut word = vec![0; line.trim_end().strip_prefix('$').unwrap().parse::<usize>().unwrap() + 2];
            stream.read_exact(&mut word).await.unwrap();
            words.push(String::from_utf8(word[..word.len() - 2].to_vec()).unwrap());
        }
        tell.try_send(words.join(" ")).unwrap();
        let answer = said.lock().await.recv().await.unwrap();
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
    }
}

impl Peer {
    async fn heard(&self) -> String {
        self.asked.lock().await.recv().await.unwrap()
    }
}

/// What is asked has to be `expected`, each with its answer.
macro_rules! check {
    ($peer:ident, $call:expr, $([$expected:expr, $answer:expr]),*) => {{
        $($peer.says.try_send($answer).unwrap();)*
        let result = $call.await;
        $(assert_eq!($peer.heard().await, $expected);)*
        result
    }};
}

/// The places of two keys: `echo -n a | md5sum`.
const A: &str = "0cc175b9c0f1b6a831c399e269772661";

fn place() -> Place {
    Place::of(&Key::new("a"))
}

const MARK: Mark = Mark { time: 7, count: 1 };

#[tokio::test]
async fn connections_begin_with_who_one_is() {
    let select = ["SELECT 2", "PING"];
    drop(connected(|redis| redis, &select).await);
    drop(connected(|redis| redis.password("secret"), &["AUTH secret", "SELECT 2", "PING"]).await);
    let user = |redis: Redis| redis.user(Some("me")).password("secret");
    drop(connected(user, &["AUTH me secret", "SELECT 2", "PING"]).await);
    // One that was cloned can be changed, too.
    let cloned = |redis: Redis| redis.clone().password("secret");
    drop(connected(cloned, &["AUTH secret", "SELECT 2", "PING"]).await);
}

#[tokio::test]
async fn looks() {
    let (redis, peer) = connected(|redis| redis, &["SELECT 2", "PING"]).await;
    let (get, left) = (format!("GET p:o:{A}"), format!("PTTL p:o:{A}"));
    let (variants, journal) = (format!("LRANGE p:v:{A} 0 31"), "XRANGE p:purges 7-1 + COUNT 64");
    let entry = "*1\r\n*2\r\n$3\r\n7-1\r\n*2\r\n$1\r\ne\r\n$1\r\nx\r\n";
    let looked = check!(
        peer,
        redis.look(&place(), MARK),
        [get, "$5\r\nhello\r\n"],
        [left, ":1500\r\n"],
        [variants, "*1\r\n$2\r\nde\r\n"],
        [journal, entry]
    )
    .unwrap();
    let kept = looked.kept.unwrap();
    assert_eq!((&kept.record[..], kept.left), (&b"hello"[..], Duration::from_millis(1500)));
    assert_eq!(looked.variants, [Bytes::from_static(b"de")]);
    assert_eq!(looked.journal.entries, [(MARK, Bytes::from_static(b"x"))]);
    assert!(!looked.journal.more);

    let variant = Variant(Bytes::from_static(b"gzip"));
    let object = format!("p:o:{A}:749cadba7b2ed8d4");
    for (record, left, expected) in
        [("$-1\r\n", ":-2\r\n", None), ("$1\r\nx\r\n", ":-1\r\n", Some(Duration::ZERO))]
    {
        let kept = check!(
            peer,
            redis.look_variant(&place(), &variant),
            [format!("GET {object}"), record],
            [format!("PTTL {object}"), left]
        );
        assert_eq!(kept.unwrap().map(|kept| kept.left), expected);
    }
}

#[tokio::test]
async fn keeps_and_forgets() {
    let (redis, peer) = connected(|redis| redis, &["SELECT 2", "PING"]).await;
    let (record, hour) = (Bytes::from_static(b"hello"), Duration::from_secs(3600));
    check!(
        peer,
        redis.keep(&place(), None, record.clone(), hour),
        [format!("SET p:o:{A} hello PX 3600000"), "+OK\r\n"],
        [format!("DEL p:v:{A}"), ":1\r\n"]
    )
    .unwrap();
    let variant = Variant(Bytes::from_static(b"gzip"));
    for (time, expires) in [(hour, 86_400_000_u64), (hour * 100, 360_000_000)] {
        check!(
            peer,
            redis.keep(&place(), Some(&variant), record.clone(), time),
            [format!("SET p:o:{A}:749cadba7b2ed8d4 hello PX {}", time.as_millis()), "+OK\r\n"],
            [format!("LREM p:v:{A} 0 gzip"), ":1\r\n"],
            [format!("LPUSH p:v:{A} gzip"), ":1\r\n"],
            [format!("LTRIM p:v:{A} 0 31"), "+OK\r\n"],
            [format!("PEXPIRE p:v:{A} {expires}"), ":1\r\n"],
            [format!("DEL p:o:{A}"), ":0\r\n"]
        )
        .unwrap();
    }
    check!(peer, redis.forget(&place()), [format!("DEL p:o:{A} p:v:{A}"), ":1\r\n"]).unwrap();
    let full = check!(
        peer,
        redis.keep(&place(), None, record, hour),
        [format!("SET p:o:{A} hello PX 3600000"), "-OOM no room\r\n"],
        [format!("DEL p:v:{A}"), ":0\r\n"]
    );
    assert!(matches!(full, Err(TierError::Refused(why)) if why.to_string() == "OOM no room"));
}

#[tokio::test]
async fn the_journal_is_bounded_and_read_from_the_last_known() {
    let (redis, peer) = connected(|redis| redis, &["SELECT 2", "PING"]).await;
    let entry = Bytes::from_static(b"purge");
    let add = "XADD p:purges MAXLEN 8192 * e purge";
    check!(peer, redis.append(entry.clone(), None), [add, "$3\r\n7-1\r\n"]).unwrap();
    check!(
        peer,
        redis.append(entry, Some(&place())),
        [add, "$3\r\n7-2\r\n"],
        [format!("DEL p:o:{A} p:v:{A}"), ":1\r\n"]
    )
    .unwrap();
    for (since, from) in [(None, "-"), (Some(MARK), "7-1")] {
        let foreign = "*1\r\n*2\r\n$3\r\n7-1\r\n*2\r\n$1\r\nf\r\n$1\r\nx\r\n";
        let read = format!("XRANGE p:purges {from} + COUNT 512");
        let journal = check!(peer, redis.journal(since), ["PING", "+PONG\r\n"], [read, foreign]).unwrap();
        assert_eq!(
            journal.entries,
            [(MARK, Bytes::new())],
            "whoever wrote it, it says nothing that is known"
        );
    }
    for nonsense in
        ["+OK\r\n", "*1\r\n:1\r\n", "*1\r\n*2\r\n$1\r\nx\r\n*0\r\n", "*1\r\n*2\r\n$3\r\n7-1\r\n$1\r\nx\r\n"]
    {
        let read = "XRANGE p:purges - + COUNT 512";
        let journal = check!(peer, redis.journal(None), ["PING", "+PONG\r\n"], [read, nonsense]);
        assert!(matches!(journal, Err(TierError::Unusable(_))), "{nonsense:?}");
    }
}

#[tokio::test]
async fn without_a_connection_nothing_waits_for_one() {
    let redis = Redis::new(Server::parse("unix:/nowhere").unwrap(), "p:");
    assert!(matches!(redis.look(&place(), MARK).await, Err(TierError::Unusable(_))));
    assert!(matches!(redis.journal(None).await, Err(TierError::Unusable(_))));
    assert!(matches!(redis.connect().await, Err(TierError::Unusable(_))));
    assert_eq!(redis.name(), "unix:/nowhere?db=0 p:");
}
