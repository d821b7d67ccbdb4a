//! A Python application behind uWSGI, and what uwsgi and SCGI servers read.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    dead_code,
    reason = "a test; each of them uses a part of this"
)]

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use propylon_tests::{Stream, Uwsgi, address};
use tempfile::TempDir;

/// What it was asked, as the application sees it, or what it is told to do.
const APPLICATION: &str = r#"
import hashlib, os
from urllib.parse import parse_qs

def application(env, start):
    env['SERVER_NAME'], env['SERVER_PORT']  # WSGI has them, and applications count on it
    asked = {name: values[0] for name, values in parse_qs(env.get('QUERY_STRING', '')).items()}
    do = asked.get('do')
    plain = [('Content-Type', 'text/plain')]
    if do == 'status':
        start(asked['line'], plain)
        return [b'made to order']
    if do == 'location':
        start('302 Found', [('Location', asked['to'])])
        return []
    if do == 'length':
        start('200 OK', plain + [('Content-Length', '5')])
        return [b'hello']
    if do == 'short':
        start('200 OK', plain + [('Content-Length', '9')])
        return [b'part']
    if do == 'big':
        start('200 OK', plain)
        return (b'x' * 65536 for _ in range(int(asked['n'])))
    if do == 'cookies':
        start('200 OK', plain + [('Set-Cookie', 'a=b'), ('Set-Cookie', 'c=d')])
        return [b'baked']
    if do == 'accel':
        start('200 OK', [('X-Accel-Redirect', asked['to'])])
        return []
    if do == 'kept':
        start('200 OK', plain + [('Cache-Control', 'max-age=60')])
        return [str(os.urandom(8)).encode()]
    body = env['wsgi.input'].read()
    start('200 OK', plain)
    lines = ['%s=%s' % pair for pair in env.items() if isinstance(pair[1], str)]
    lines.append('body=%d %s' % (len(body), hashlib.md5(body).hexdigest()))
    return ['\n'.join(lines).encode('latin-1')]
"#;

/// A uWSGI of the test's own, with its application.
pub(crate) struct Application {
    _uwsgi: Uwsgi,
    dir: TempDir,
    /// Where it speaks uwsgi.
    pub(crate) uwsgi: SocketAddr,
    /// Where it speaks SCGI.
    pub(crate) scgi: SocketAddr,
    /// Where it speaks SCGI with a status line in its responses.
    pub(crate) nph: SocketAddr,
}

/// Writes the application to where uWSGI looks for it.
pub(crate) fn write_application(directory: &Path) {
    fs::write(directory.join("app.py"), APPLICATION).unwrap();
}

impl Application {
    pub(crate) fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        write_application(dir.path());
        fs::create_dir(dir.path().join("files")).unwrap();
        fs::write(dir.path().join("files/a.txt"), "a file\n").unwrap();
        let [uwsgi, scgi, nph] = [address(), address(), address()];
        let sockets = [
            ("uwsgi-socket", uwsgi.to_string()),
            ("scgi-socket", scgi.to_string()),
            ("scgi-nph-socket", nph.to_string()),
            ("uwsgi-socket", dir.path().join("uwsgi.sock").display().to_string()),
        ];
        Self { _uwsgi: Uwsgi::start(dir.path(), &sockets), dir, uwsgi, scgi, nph }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn unix(&self) -> String {
        format!("unix:{}", self.path("uwsgi.sock").display())
    }
}

/// Which of the two is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speaks {
    Uwsgi,
    Scgi,
}

impl Speaks {
    /// The key of a location.
    pub(crate) fn pass(self) -> &'static str {
        if self == Self::Uwsgi { "uwsgi_pass" } else { "scgi_pass" }
    }

    /// Reads a whole request: its params, in order, and its body.
    pub(crate) fn read(self, peer: &mut Stream) -> (Vec<(String, String)>, Vec<u8>) {
        let params = match self {
            Self::Uwsgi => packet(peer),
            Self::Scgi => netstring(peer),
        };
        let length = params.iter().find(|(name, _)| name == "CONTENT_LENGTH").map(|(_, value)| value.parse());
        let mut body = Vec::new();
        peer.exactly(length.and_then(Result::ok).unwrap_or(0), &mut body).unwrap();
        (params, body)
    }
}

fn packet(peer: &mut Stream) -> Vec<(String, String)> {
    let (mut head, mut rest) = (Vec::new(), Vec::new());
    peer.exactly(4, &mut head).unwrap();
    peer.exactly(usize::from(u16::from_le_bytes([head[1], head[2]])), &mut rest).unwrap();
    let mut texts = Vec::new();
    let mut rest = &rest[..];
    while let [low, high, after @ ..] = rest {
        let (text, after) = after.split_at(usize::from(u16::from_le_bytes([*low, *high])));
        texts.push(String::from_utf8(text.to_vec()).unwrap());
        rest = after;
    }
    let mut params = vec![("modifiers".to_owned(), format!("{} {}", head[0], head[3]))];
    params.extend(texts.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())));
    params
}

fn netstring(peer: &mut Stream) -> Vec<(String, String)> {
    let mut length = Vec::new();
    while length.last() != Some(&b':') {
        peer.exactly(1, &mut length).unwrap();
    }
    length.pop();
    let length: usize = String::from_utf8(length).unwrap().parse().unwrap();
    let mut text = Vec::new();
    peer.exactly(length + 1, &mut text).unwrap();
    assert_eq!(text.pop(), Some(b','));
    assert_eq!(text.pop(), Some(0));
    let texts: Vec<_> =
        text.split(|byte| *byte == 0).map(|text| String::from_utf8(text.to_vec()).unwrap()).collect();
    texts.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()
}

/// By name; none stands twice.
pub(crate) fn by_name(params: Vec<(String, String)>) -> BTreeMap<String, String> {
    let count = params.len();
    let params = BTreeMap::from_iter(params);
    assert_eq!(params.len(), count, "{params:?}");
    params
}
