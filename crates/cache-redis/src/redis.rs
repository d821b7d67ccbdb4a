//! The tier: what is asked of a server, and what its answers mean.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use propylon_cache::store::Variant;
use propylon_cache::store::tier::{JOURNAL, Journal, Kept, Looked, Mark, Place, Reply, Tier, TierError};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use crate::connection::Connection;
use crate::error::Error;
use crate::resp::{Commands, Value};
use crate::server::{Address, Server};

/// A Redis or Valkey server as a second tier of a cache's zone. A clone is the same one.
///
/// Nothing is connected before the zone is [followed](propylon_cache::store::Zone::follow). Connections are tasks of tokio's.
#[derive(Clone)]
pub struct Redis {
    settings: Arc<Settings>,
    connections: Arc<ArcSwapOption<Connections>>,
}

#[derive(Clone)]
struct Settings {
    server: Server,
    prefix: Box<str>,
    name: Box<str>,
    user: Option<Box<str>>,
    password: Option<Password>,
    secure: Option<Secure>,
    max_record: usize,
}

/// A connection that somebody else has made secure.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A connection that somebody else is about to make secure.
pub type Secured = Pin<Box<dyn Future<Output = io::Result<Box<dyn Stream>>> + Send>>;

type Secure = Arc<dyn Fn(TcpStream, &str) -> Secured + Send + Sync>;

#[derive(Clone)]
enum Password {
    Text(Box<str>),
    File(PathBuf),
}

/// Two, so that no look-up waits for a large response that is being sent.
struct Connections {
    quick: Connection,
    slow: Connection,
}

/// How many entries of the journal are read at once, and how many with a look-up.
const ENTRIES: usize = 512;
const FEW: usize = 64;

/// What all that is read beside a record may take: entries of up to 8 KiB, and variants.
const BESIDE: usize = 8 << 20;

/// How many variants a place has.
const LAST_VARIANT: &[u8] = b"31";

/// For how long at least the list of variants is kept, in milliseconds: a day.
const VARIANTS_FOR: u64 = 24 * 3600 * 1000;

impl Redis {
    /// All keys there begin with `prefix`: whoever uses the same shares what is kept.
    #[must_use]
    pub fn new(server: Server, prefix: &str) -> Self {
        let name = format!("{server} {prefix}").into();
        let settings = Settings {
            server,
            prefix: prefix.into(),
            name,
            user: None,
            password: None,
            secure: None,
            max_record: 2 << 20,
        };
        Self { settings: Arc::new(settings), connections: Arc::default() }
    }

    /// Who the password is of. Default: the server's default user.
    #[must_use]
    pub fn user(self, user: Option<&str>) -> Self {
        self.with(|settings| settings.user = user.map(Into::into))
    }

    /// The password. Default: none.
    #[must_use]
    pub fn password(self, password: &str) -> Self {
        self.with(|settings| settings.password = Some(Password::Text(password.into())))
    }

    /// The password is the first line of this file, which is read for each connection.
    #[must_use]
    pub fn password_file(self, path: impl Into<PathBuf>) -> Self {
        self.with(|settings| settings.password = Some(Password::File(path.into())))
    }

    /// Makes a connection with a `rediss` server secure, which has this name or address. Without it such a server is not spoken
    /// to. It is called for each connection, within the time that a connection may take.
    #[must_use]
    pub fn secure(self, secure: impl Fn(TcpStream, &str) -> Secured + Send + Sync + 'static) -> Self {
        self.with(|settings| settings.secure = Some(Arc::new(secure)))
    }

    /// How large a response may be with its head. A server that says that it sends something larger is no good. Default: 2 MiB.
    #[must_use]
    pub fn max_record(self, max_record: u64) -> Self {
        let max_record =
            usize::try_from(max_record).unwrap_or(usize::MAX).min(isize::MAX.cast_unsigned() / 2);
        self.with(|settings| settings.max_record = max_record)
    }

    /// Another one than those that it was cloned from or to: they stay as they are, with their connections.
    fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self.connections = Arc::default();
        self
    }

    fn open(&self) -> Result<Arc<Connections>, TierError> {
        self.connections.load_full().ok_or_else(|| Error::Disconnected.into())
    }

    /// Asks on the connection for what somebody waits for.
    fn quick<T: Send + 'static>(&self, commands: Commands, read: fn(Vec<Value>) -> Option<T>) -> Reply<T> {
        let open = self.open();
        Box::pin(async move { read(open?.quick.ask(commands).await?).ok_or_else(|| Error::Malformed.into()) })
    }

    /// Asks on the other one.
    fn slow(&self, commands: Commands) -> Reply<()> {
        let open = self.open();
        Box::pin(async move { open?.slow.ask(commands).await.map(drop) })
    }

    fn object(&self, place: &Place, variant: Option<&Variant>) -> Vec<u8> {
        let mut key = format!("{}o:{}", self.settings.prefix, place.as_str());
        if let Some(variant) = variant {
            key.push(':');
            key.push_str(&Place::variant(variant));
        }
        key.into_bytes()
    }

    fn variants(&self, place: &Place) -> Vec<u8> {
        format!("{}v:{}", self.settings.prefix, place.as_str()).into_bytes()
    }

    fn purges(&self) -> Vec<u8> {
        format!("{}purges", self.settings.prefix).into_bytes()
    }

    /// What the journal has from `since` on, that one included.
    fn entries(&self, commands: Commands, since: Option<Mark>, count: usize) -> Commands {
        let since = since.map_or_else(|| "-".to_owned(), |mark| format!("{}-{}", mark.time, mark.count));
        let count = count.to_string();
        commands.with([b"XRANGE", &self.purges(), since.as_bytes(), b"+", b"COUNT", count.as_bytes()])
    }
}

impl Tier for Redis {
    fn name(&self) -> &str {
        &self.settings.name
    }

    fn connect(&self) -> Reply<()> {
        self.connections.store(None);
        let (settings, connections) = (Arc::clone(&self.settings), Arc::clone(&self.connections));
        Box::pin(async move {
            let (quick, slow) = (settings.connect().await?, settings.connect().await?);
            connections.store(Some(Arc::new(Connections { quick, slow })));
            Ok(())
        })
    }

    fn look(&self, place: &Place, since: Mark) -> Reply<Looked> {
        let (object, variants) = (self.object(place, None), self.variants(place));
        let commands = Commands::new().with([b"GET", &object]).with([b"PTTL", &object]).with([
            b"LRANGE",
            &variants,
            b"0",
            LAST_VARIANT,
        ]);
        self.quick(self.entries(commands, Some(since), FEW), |values| {
            let [record, left, variants, journal] = <[Value; 4]>::try_from(values).ok()?;
            let variants = array(variants)?.into_iter().map(bulk).collect::<Option<_>>()?;
            Some(Looked { kept: kept(record, &left)?, variants, journal: read_journal(journal, FEW)? })
        })
    }

    fn look_variant(&self, place: &Place, variant: &Variant) -> Reply<Option<Kept>> {
        let object = self.object(place, Some(variant));
        self.quick(Commands::new().with([b"GET", &object]).with([b"PTTL", &object]), |values| {
            let [record, left] = <[Value; 2]>::try_from(values).ok()?;
            kept(record, &left)
        })
    }

    fn keep(&self, place: &Place, variant: Option<&Variant>, record: Bytes, time: Duration) -> Reply<()> {
        let time = u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1);
        let (object, variants) = (self.object(place, variant), self.variants(place));
        let commands = Commands::new().set(&object, record, time);
        let Some(variant) = variant else { return self.slow(commands.with([b"DEL", &variants])) };
        let kept_for = time.max(VARIANTS_FOR).to_string();
        let commands = commands
            .with([b"LREM", &variants, b"0", &variant.0])
            .with([b"LPUSH", &variants, &variant.0])
            .with([b"LTRIM", &variants, b"0", LAST_VARIANT])
            .with([b"PEXPIRE", &variants, kept_for.as_bytes()])
            .with([b"DEL", &self.object(place, None)]);
        self.slow(commands)
    }

    fn forget(&self, place: &Place) -> Reply<()> {
        let commands = Commands::new().with([b"DEL", &self.object(place, None), &self.variants(place)]);
        self.quick(commands, |_| Some(()))
    }

    fn journal(&self, since: Option<Mark>) -> Reply<Journal> {
        let open = self.open();
        let commands = self.entries(Commands::new(), since, ENTRIES);
        Box::pin(async move {
            let open = open?;
            // Nobody may have asked anything on it for a while, and servers close what is idle.
            open.quick.ask(Commands::new().with([b"PING"])).await?;
            let journal = open.slow.ask(commands).await?.pop();
            journal.and_then(|journal| read_journal(journal, ENTRIES)).ok_or_else(|| Error::Malformed.into())
        })
    }

    fn append(&self, entry: Bytes, place: Option<&Place>) -> Reply<()> {
        let most = JOURNAL.to_string();
        let mut commands =
            Commands::new().with([b"XADD", &self.purges(), b"MAXLEN", most.as_bytes(), b"*", b"e", &entry]);
        if let Some(place) = place {
            commands = commands.with([b"DEL", &self.object(place, None), &self.variants(place)]);
        }
        self.slow(commands)
    }
}

impl Settings {
    async fn connect(&self) -> Result<Connection, TierError> {
        let limit = self.max_record.saturating_add(BESIDE);
        let connection = match &self.server.address {
            Address::Unix(path) => {
                Connection::new(UnixStream::connect(path).await.map_err(Error::Io)?, limit)
            }
            Address::Tcp { host, port } => {
                let stream = TcpStream::connect((&**host, *port)).await.map_err(Error::Io)?;
                stream.set_nodelay(true).map_err(Error::Io)?;
                match self.server.tls {
                    false => Connection::new(stream, limit),
                    true => Connection::new(self.shake_hands(host, stream).await?, limit),
                }
            }
        };
        let mut commands = Commands::new();
        let password = self.password().await?;
        match (&self.user, &password) {
            (Some(user), password) => {
                let password = password.as_deref().unwrap_or_default();
                commands = commands.with([b"AUTH", user.as_bytes(), password.as_bytes()]);
            }
            (None, Some(password)) => commands = commands.with([b"AUTH", password.as_bytes()]),
            (None, None) => {}
        }
        if self.server.database > 0 {
            commands = commands.with([b"SELECT", self.server.database.to_string().as_bytes()]);
        }
        connection.ask(commands.with([b"PING"])).await?;
        Ok(connection)
    }

    async fn shake_hands(&self, host: &str, stream: TcpStream) -> Result<Box<dyn Stream>, Error> {
        let missing = || io::Error::new(io::ErrorKind::Unsupported, "nobody speaks TLS here");
        let secure = self.secure.as_ref().ok_or_else(missing)?;
        Ok(secure(stream, host).await?)
    }

    async fn password(&self) -> Result<Option<Box<str>>, Error> {
        let path = match &self.password {
            None => return Ok(None),
            Some(Password::Text(text)) => return Ok(Some(text.clone())),
            Some(Password::File(path)) => path.clone(),
        };
        let read = tokio::task::spawn_blocking(move || std::fs::read_to_string(path)).await;
        let text = read.map_err(io::Error::other).and_then(|read| read).map_err(Error::Password)?;
        Ok(Some(text.lines().next().unwrap_or_default().into()))
    }
}

fn array(value: Value) -> Option<Vec<Value>> {
    if let Value::Array(all) = value { Some(all) } else { None }
}

fn bulk(value: Value) -> Option<Bytes> {
    if let Value::Bulk(bytes) = value { Some(bytes) } else { None }
}

/// `Some(None)`: nothing is kept.
#[expect(
    clippy::option_option,
    reason = "a reply that is none, one that says nothing, and one that says something"
)]
fn kept(record: Value, left: &Value) -> Option<Option<Kept>> {
    let Value::Integer(left) = *left else { return None };
    match record {
        Value::Nil => Some(None),
        // What has no end was put there by somebody else.
        Value::Bulk(record) => {
            let left = Duration::from_millis(u64::try_from(left).unwrap_or(0));
            Some(Some(Kept { record, left }))
        }
        _ => None,
    }
}

fn read_journal(value: Value, most: usize) -> Option<Journal> {
    let entries = array(value)?.into_iter().map(read_entry).collect::<Option<Vec<_>>>()?;
    Some(Journal { more: entries.len() >= most, entries })
}

fn read_entry(value: Value) -> Option<(Mark, Bytes)> {
    let [mark, fields] = <[Value; 2]>::try_from(array(value)?).ok()?;
    let mark = bulk(mark)?;
    let (time, count) = std::str::from_utf8(&mark).ok()?.split_once('-')?;
    let mark = Mark { time: time.parse().ok()?, count: count.parse().ok()? };
    // What is not ours says nothing that can be understood, which whoever reads it takes for the worst.
    let entry = match <[Value; 2]>::try_from(array(fields)?) {
        Ok([Value::Bulk(name), Value::Bulk(entry)]) if name == "e" => entry,
        _ => Bytes::new(),
    };
    Some((mark, entry))
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("name", &self.settings.name).finish_non_exhaustive()
    }
}
