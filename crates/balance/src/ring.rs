//! The ring of consistent hashing: ketama, point for point as nginx and Cache::Memcached::Fast lay it out.

use crc32fast::Hasher;

/// Points of one unit of weight.
const POINTS: u32 = 160;

/// Points in the order of their hashes; each names an entry of the list that the ring was made of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ring {
    points: Vec<(u32, u32)>,
}

impl Ring {
    /// The ring of servers as they are written, with their weights.
    pub(crate) fn new<'a>(servers: impl IntoIterator<Item = (&'a str, u32)>) -> Self {
        let mut points = Vec::new();
        for (index, (written, weight)) in (0_u32..).zip(servers) {
            let (host, port) = split(written);
            let mut base = Hasher::new();
            base.update(host.as_bytes());
            base.update(&[0]);
            base.update(port.as_bytes());
            let mut previous = 0_u32;
            for _ in 0..weight.saturating_mul(POINTS) {
                let mut hash = base.clone();
                hash.update(&previous.to_le_bytes());
                previous = hash.finalize();
                points.push((previous, index));
            }
        }
        points.sort_by_key(|&(hash, _)| hash); // stable: of equal hashes the first server's stays
        points.dedup_by_key(|(hash, _)| *hash);
        Self { points }
    }

    /// The servers in the order in which they come for `key`, again and again.
    pub(crate) fn walk(&self, key: &[u8]) -> impl Iterator<Item = u32> + '_ {
        let hash = crc32fast::hash(key);
        let first = self.points.partition_point(|&(point, _)| point < hash);
        let (before, after) = self.points.split_at(first);
        after.iter().chain(before).map(|&(_, server)| server).cycle()
    }
}

/// Host and port as nginx takes a server's text apart: digits after the last colon; of a unix socket the path is all.
fn split(written: &str) -> (&str, &str) {
    if let Some((scheme, path)) = written.split_at_checked(5)
        && scheme.eq_ignore_ascii_case("unix:")
    {
        return (path, "");
    }
    match written.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (host, port),
        _ => (written, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_taken_apart() {
        for (written, host, port) in [
            ("a:80", "a", "80"),
            ("a", "a", ""),
            ("a:", "a", ""),
            ("[::1]:80", "[::1]", "80"),
            ("[::1]", "[::1]", ""),
            ("unix:/run/a:1", "/run/a:1", ""),
            ("UNIX:/a", "/a", ""),
        ] {
            assert_eq!(split(written), (host, port), "{written}");
        }
    }

    #[test]
    fn few_keys_move_when_a_server_goes() {
        let names = ["a:80", "b:80", "c:80", "d:80"];
        let (all, fewer) =
            (Ring::new(names.map(|name| (name, 1))), Ring::new(names[..3].iter().map(|&n| (n, 1))));
        for key in 0..1000_u32 {
            let key = key.to_string();
            let (before, after) = (all.walk(key.as_bytes()).next(), fewer.walk(key.as_bytes()).next());
            assert!(before == Some(3) || before == after, "{key} moved from a server that is still there");
        }
    }

    #[test]
    fn an_empty_ring_leads_nowhere() {
        assert_eq!(Ring::new([]).walk(b"key").next(), None);
    }
}
