//! The table `runtime`: the process.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use crate::key::{Key, Kind, Need, PATH, Table};
use crate::reader::Scope;
use crate::shape;
use crate::source::Spanned;

/// The process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runtime {
    /// How many workers.
    pub workers: Workers,
    /// As whom workers run, where the process has the right to choose.
    pub user: Option<Spanned<Box<str>>>,
    /// And in which group; `None`: the one of the user's name, or the user's own.
    pub group: Option<Spanned<Box<str>>>,
    /// The file that holds the process id.
    pub pid_file: Option<PathBuf>,
    /// How long requests may take to finish when the process is told to stop.
    pub shutdown_timeout: Duration,
    /// How long tunnels that began before a reload may go on after it; `None`: for as long as they take.
    pub reload_timeout: Option<Duration>,
    /// Where temporary files are; `None`: where the system keeps them.
    pub temp_path: Option<PathBuf>,
    /// Whether each worker has a listening socket of its own.
    pub reuseport: bool,
    /// The HTTP/1 engine.
    pub http1: Http1,
    /// How often it is looked whether files of certificates have changed; `None`: never.
    pub certificate_check: Option<Duration>,
}

/// How many workers run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workers {
    /// One for each core.
    Auto,
    /// This many.
    Count(NonZeroUsize),
}

/// The HTTP/1 engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Http1 {
    /// Propylon's own.
    H1,
    /// hyper's, to compare with.
    Hyper,
}

pub(crate) const TABLE: Table = Table {
    name: "runtime",
    doc: "Settings of the process.",
    keys: &[
        Key {
            name: "workers",
            kind: Kind::Either(&[
                Kind::Choice { built: &["auto"], unbuilt: &[] },
                Kind::Integer { min: 1, max: 1024 },
            ]),
            need: Need::Default("\"auto\""),
            nginx: "worker_processes",
            doc: "The number of workers, each a thread; \"auto\": one per core.",
        },
        Key {
            name: "user",
            kind: Kind::Text { hint: "a user name" },
            need: Need::Optional,
            nginx: "user",
            doc: "The user that workers run as if the process is started as root; the thread that opens sockets, logs and \
                  certificates stays root. Default: the user that started the process.",
        },
        Key {
            name: "group",
            kind: Kind::Text { hint: "a group name" },
            need: Need::Optional,
            nginx: "user",
            doc: "The group that workers run as; requires `user`. Default: the group with the user's name if there is one, \
                  otherwise the user's primary group.",
        },
        Key {
            name: "pid_file",
            kind: PATH,
            need: Need::Optional,
            nginx: "pid",
            doc: "The file to write the process ID to.",
        },
        Key {
            name: "shutdown_timeout",
            kind: Kind::Duration { zero: true },
            need: Need::Default("\"30s\""),
            nginx: "worker_shutdown_timeout",
            doc: "How long requests in flight may take to finish after the process was told to stop.",
        },
        Key {
            name: "reload_timeout",
            kind: Kind::Duration { zero: false },
            need: Need::Optional,
            nginx: "worker_shutdown_timeout",
            doc: "How long tunnels (WebSocket) opened before a reload may continue after it. Default: no limit.",
        },
        Key {
            name: "temp_path",
            kind: PATH,
            need: Need::Optional,
            nginx: "client_body_temp_path, proxy_temp_path",
            doc: "The directory for temporary files. They are unlinked, so they never have a name there. Default: the \
                  system's.",
        },
        Key {
            name: "reuseport",
            kind: Kind::Bool,
            need: Need::Default("true"),
            nginx: "listen ... reuseport",
            doc: "Whether each worker has its own listening socket (SO_REUSEPORT); false: all workers share one.",
        },
        Key {
            name: "http1",
            kind: Kind::Choice { built: &["h1", "hyper"], unbuilt: &[] },
            need: Need::Default("\"h1\""),
            nginx: "",
            doc: "The HTTP/1 engine: Propylon's own, or hyper's for comparison.",
        },
        Key {
            name: "certificate_check",
            kind: Kind::Duration { zero: true },
            need: Need::Default("\"10s\""),
            nginx: "",
            doc: "How often to check certificate, key and revocation list files for changes and reload them; \"0\": only on \
                  a configuration reload.",
        },
    ],
    unbuilt: &[],
};

impl Runtime {
    pub(crate) fn read(scope: &mut Scope<'_>) -> Self {
        let workers = scope.read("workers", |_, value| shape::integer(value.get_ref()));
        let workers = workers.and_then(|count| usize::try_from(count).ok()).and_then(NonZeroUsize::new);
        let http1 = scope.text("http1");
        Self {
            user: scope.text("user"),
            group: scope.text("group"),
            workers: workers.map_or(Workers::Auto, Workers::Count),
            pid_file: scope.text("pid_file").map(|path| PathBuf::from(&**path)),
            shutdown_timeout: scope.duration("shutdown_timeout"),
            reload_timeout: scope.duration_if_set("reload_timeout"),
            temp_path: scope.text("temp_path").map(|path| PathBuf::from(&**path)),
            reuseport: scope.bool("reuseport"),
            http1: match http1.as_deref().map(AsRef::as_ref) {
                Some("hyper") => Http1::Hyper,
                _ => Http1::H1,
            },
            certificate_check: Some(scope.duration("certificate_check")).filter(|every| !every.is_zero()),
        }
    }
}
