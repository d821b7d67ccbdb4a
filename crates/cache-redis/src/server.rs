//! Which server, and how it is spoken to.

use std::fmt;
use std::path::PathBuf;

/// A Redis or Valkey server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    pub(crate) address: Address,
    pub(crate) tls: bool,
    pub(crate) database: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    Tcp { host: Box<str>, port: u16 },
    Unix(PathBuf),
}

/// Why a text names no server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// `redis+sentinel:` and the like.
    #[error("Redis Sentinel is not supported: expected the URL of the Redis server itself")]
    Sentinel,
    /// `redis+cluster:` and the like.
    #[error("Redis Cluster is not supported: expected the URL of a standalone server")]
    Cluster,
    /// Several servers.
    #[error("expected a single server")]
    Several,
    /// `user:password@`.
    #[error("a URL cannot contain a user name or a password")]
    Secret,
    /// Another scheme, or none.
    #[error("expected a URL with the scheme `redis://`, `rediss://` or `unix:`")]
    Scheme,
    /// There is no host, or it is none.
    #[error("the host is missing or invalid")]
    Host,
    /// The port is none.
    #[error("expected a port from 1 to 65535")]
    Port,
    /// The path of a socket does not begin with a slash.
    #[error("expected a socket path that begins with `/`")]
    Path,
    /// What follows is not the number of a database.
    #[error("expected the number of a database")]
    Database,
}

const PORT: u16 = 6379;

impl Server {
    /// `redis://HOST[:PORT][/DATABASE]`, `rediss://` with TLS, or `unix:/PATH[?db=DATABASE]`.
    ///
    /// # Errors
    /// It is none of these.
    pub fn parse(url: &str) -> Result<Self, UrlError> {
        let (scheme, rest) = url.split_once(':').ok_or(UrlError::Scheme)?;
        let scheme = scheme.to_ascii_lowercase();
        match &*scheme {
            "redis" | "valkey" | "rediss" | "valkeys" => {
                let rest = rest.strip_prefix("//").ok_or(UrlError::Scheme)?;
                tcp(rest, scheme.ends_with('s') && scheme != "redis")
            }
            "unix" => unix(rest),
            "redis+unix" | "valkey+unix" => unix(rest.strip_prefix("//").ok_or(UrlError::Scheme)?),
            scheme if scheme.contains("sentinel") => Err(UrlError::Sentinel),
            scheme if scheme.contains("cluster") => Err(UrlError::Cluster),
            _ => Err(UrlError::Scheme),
        }
    }

    /// Whether it is spoken to with TLS.
    #[must_use]
    pub const fn is_tls(&self) -> bool {
        self.tls
    }
}

fn tcp(rest: &str, tls: bool) -> Result<Server, UrlError> {
    let (authority, database) = match rest.split_once('/') {
        None => (rest, "0"),
        Some((authority, "")) => (authority, "0"),
        Some((authority, database)) => (authority, database),
    };
    if authority.contains('@') {
        return Err(UrlError::Secret);
    }
    if authority.contains(',') {
        return Err(UrlError::Several);
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or(UrlError::Host)?;
            if host.parse::<std::net::Ipv6Addr>().is_err() {
                return Err(UrlError::Host);
            }
            (host, port)
        }
        None => authority.find(':').map_or((authority, ""), |at| authority.split_at(at)),
    };
    let named = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b':');
    if host.is_empty() || !host.bytes().all(named) {
        return Err(UrlError::Host);
    }
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => PORT,
        None => return Err(UrlError::Port),
        Some(port) => port.parse().ok().filter(|port| *port != 0).ok_or(UrlError::Port)?,
    };
    Ok(Server { address: Address::Tcp { host: host.into(), port }, tls, database: number(database)? })
}

fn unix(rest: &str) -> Result<Server, UrlError> {
    let (path, database) = match rest.split_once('?') {
        None => (rest, "0"),
        Some((path, query)) => (path, query.strip_prefix("db=").ok_or(UrlError::Database)?),
    };
    if !path.starts_with('/') {
        return Err(UrlError::Path);
    }
    Ok(Server { address: Address::Unix(path.into()), tls: false, database: number(database)? })
}

fn number(text: &str) -> Result<u32, UrlError> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or(UrlError::Database)
}

/// As [`parse`](Server::parse) reads it.
impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.address {
            Address::Tcp { host, port } => {
                let (open, close) = if host.contains(':') { ("[", "]") } else { ("", "") };
                let scheme = if self.tls { "rediss" } else { "redis" };
                write!(f, "{scheme}://{open}{host}{close}:{port}/{}", self.database)
            }
            Address::Unix(path) => write!(f, "unix:{}?db={}", path.display(), self.database),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        let check = |url: &str, expected: Result<&str, UrlError>| {
            let found = Server::parse(url).map(|server| server.to_string());
            assert_eq!(found, expected.map(str::to_owned), "{url}");
            if let Ok(text) = found {
                assert_eq!(Server::parse(&text), Server::parse(url));
            }
        };
        check("redis://a", Ok("redis://a:6379/0"));
        check("redis://a/", Ok("redis://a:6379/0"));
        check("REDIS://a.example.com:7000/3", Ok("redis://a.example.com:7000/3"));
        check("valkey://10.0.0.1", Ok("redis://10.0.0.1:6379/0"));
        check("rediss://a", Ok("rediss://a:6379/0"));
        check("valkeys://a", Ok("rediss://a:6379/0"));
        check("redis://[::1]:7", Ok("redis://[::1]:7/0"));
        check("unix:/run/redis.sock", Ok("unix:/run/redis.sock?db=0"));
        check("redis+unix:///run/redis.sock?db=2", Ok("unix:/run/redis.sock?db=2"));
        for (url, error) in [
            ("", UrlError::Scheme),
            ("a:6379", UrlError::Scheme),
            ("redis:a", UrlError::Scheme),
            ("http://a", UrlError::Scheme),
            ("redis+sentinel://a/main", UrlError::Sentinel),
            ("redis-sentinel://a", UrlError::Sentinel),
            ("rediss+cluster://a", UrlError::Cluster),
            ("redis-cluster://a", UrlError::Cluster),
            ("redis://a,b", UrlError::Several),
            ("redis://:secret@a", UrlError::Secret),
            ("redis://", UrlError::Host),
            ("redis://[a]", UrlError::Host),
            ("redis://[::1", UrlError::Host),
            ("redis://a b", UrlError::Host),
            ("redis://a:0", UrlError::Port),
            ("redis://a:x", UrlError::Port),
            ("redis://a:", UrlError::Port),
            ("redis://[::1]x", UrlError::Port),
            ("redis://a:70000", UrlError::Port),
            ("redis://a/x", UrlError::Database),
            ("redis://a/-1", UrlError::Database),
            ("redis://a/0?x=y", UrlError::Database),
            ("unix:run/redis.sock", UrlError::Path),
            ("unix:/a?x=1", UrlError::Database),
        ] {
            check(url, Err(error));
        }
    }
}
