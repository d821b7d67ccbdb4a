//! The paths of the API: pure.

use http::Method;
use serde_json::Value;

/// What a path is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resource<'p> {
    Endpoints,
    Nginx,
    Processes,
    Connections,
    Ssl,
    /// All of them, or one.
    Workers(Option<&'p str>),
    /// What there is of a part.
    Part(Part),
    Requests,
    /// All of a kind, or one.
    Zones(Zones, Option<&'p str>),
    Upstreams(Part),
    Upstream(Part, &'p str),
    Servers(Part, &'p str),
    Server(Part, &'p str, &'p str),
    Keyvals,
    Keyval(&'p str),
}

/// The halves of nginx.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Http,
    Stream,
}

/// What has a name and can be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Zones {
    Slabs,
    Resolvers,
    Servers(Part),
    Locations,
    Caches,
    LimitConns(Part),
    LimitReqs,
}

/// The endpoints, each with the version that has brought it.
const ROOT: [(&str, u8); 9] = [
    ("nginx", 1),
    ("processes", 1),
    ("connections", 1),
    ("slabs", 1),
    ("http", 1),
    ("stream", 1),
    ("resolvers", 5),
    ("ssl", 1),
    ("workers", 9),
];

const HTTP: [(&str, u8); 8] = [
    ("requests", 1),
    ("server_zones", 1),
    ("location_zones", 5),
    ("caches", 1),
    ("limit_conns", 6),
    ("limit_reqs", 6),
    ("keyvals", 1),
    ("upstreams", 1),
];

const STREAM: [(&str, u8); 4] = [("server_zones", 1), ("limit_conns", 6), ("keyvals", 1), ("upstreams", 1)];

pub(super) fn endpoints(version: u8) -> Value {
    names(&ROOT, version)
}

impl Part {
    pub(super) fn endpoints(self, version: u8) -> Value {
        names(self.all(), version)
    }

    const fn all(self) -> &'static [(&'static str, u8)] {
        match self {
            Self::Http => &HTTP,
            Self::Stream => &STREAM,
        }
    }

    /// What a path inside of it is of.
    fn find<'p>(self, path: &[&'p str]) -> Option<Resource<'p>> {
        Some(match (self, path) {
            (part, []) => Resource::Part(part),
            (Self::Http, ["requests"]) => Resource::Requests,
            (Self::Http, ["location_zones", rest @ ..]) => Zones::Locations.find(rest)?,
            (Self::Http, ["caches", rest @ ..]) => Zones::Caches.find(rest)?,
            (Self::Http, ["limit_reqs", rest @ ..]) => Zones::LimitReqs.find(rest)?,
            (part, ["server_zones", rest @ ..]) => Zones::Servers(part).find(rest)?,
            (part, ["limit_conns", rest @ ..]) => Zones::LimitConns(part).find(rest)?,
            (part, ["upstreams"]) => Resource::Upstreams(part),
            (part, ["upstreams", name]) => Resource::Upstream(part, name),
            (part, ["upstreams", name, "servers"]) => Resource::Servers(part, name),
            (part, ["upstreams", name, "servers", id]) => Resource::Server(part, name, id),
            (_, ["keyvals"]) => Resource::Keyvals,
            (_, ["keyvals", zone]) => Resource::Keyval(zone),
            _ => return None,
        })
    }
}

fn names(all: &[(&str, u8)], version: u8) -> Value {
    all.iter().filter(|(_, since)| *since <= version).map(|(name, _)| Value::from(*name)).collect()
}

impl<'p> Resource<'p> {
    /// What a path behind its version is of.
    pub(super) fn find(version: u8, path: &[&'p str]) -> Option<Self> {
        let is_there = |all: &[(&str, u8)], name: Option<&&str>| {
            name.is_none_or(|name| all.iter().any(|(known, since)| known == name && *since <= version))
        };
        if !is_there(&ROOT, path.first()) {
            return None;
        }
        let inside = |part: Part, rest: &[&'p str]| {
            if is_there(part.all(), rest.first()) { part.find(rest) } else { None }
        };
        match *path {
            [] => Some(Self::Endpoints),
            ["nginx"] => Some(Self::Nginx),
            ["processes"] => Some(Self::Processes),
            ["connections"] => Some(Self::Connections),
            ["ssl"] => Some(Self::Ssl),
            ["workers"] => Some(Self::Workers(None)),
            ["workers", id] => Some(Self::Workers(Some(id))),
            ["slabs", ref rest @ ..] => Zones::Slabs.find(rest),
            ["resolvers", ref rest @ ..] => Zones::Resolvers.find(rest),
            ["http", ref rest @ ..] => inside(Part::Http, rest),
            ["stream", ref rest @ ..] => inside(Part::Stream, rest),
            _ => None,
        }
    }

    /// What can be done with it beside looking.
    pub(super) const fn methods(self) -> &'static [Method] {
        match self {
            Self::Keyval(_) => &[Method::POST, Method::PATCH, Method::DELETE],
            Self::Servers(..) => &[Method::POST],
            Self::Server(..) => &[Method::PATCH, Method::DELETE],
            Self::Processes
            | Self::Connections
            | Self::Ssl
            | Self::Requests
            | Self::Workers(_)
            | Self::Zones(_, Some(_))
            | Self::Upstream(..) => &[Method::DELETE],
            Self::Endpoints
            | Self::Part(_)
            | Self::Nginx
            | Self::Zones(_, None)
            | Self::Upstreams(_)
            | Self::Keyvals => &[],
        }
    }
}

impl Zones {
    /// All of a kind, or one.
    fn find<'p>(self, path: &[&'p str]) -> Option<Resource<'p>> {
        match *path {
            [] => Some(Resource::Zones(self, None)),
            [name] => Some(Resource::Zones(self, Some(name))),
            _ => None,
        }
    }

    /// Under what a zone's statistics are known.
    pub(super) fn path(self, zone: &str) -> String {
        format!("{self:?}/{zone}")
    }

    /// What is said of a zone that is not there.
    pub(super) const fn missing(self) -> (&'static str, &'static str) {
        match self {
            Self::Slabs => ("SlabNotFound", "slab not found"),
            Self::Resolvers => ("ResolverZoneNotFound", "resolver zone not found"),
            Self::Servers(_) => ("ServerZoneNotFound", "server zone not found"),
            Self::Locations => ("LocationZoneNotFound", "location zone not found"),
            Self::Caches => ("CacheNotFound", "cache not found"),
            Self::LimitConns(_) => ("LimitConnNotFound", "limit_conn not found"),
            Self::LimitReqs => ("LimitReqNotFound", "limit_req not found"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_version_has_what_it_brought_and_what_was_there() {
        let check = |version: u8, path: &str, expected: Option<Resource<'_>>| {
            let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
            assert_eq!(Resource::find(version, &parts), expected, "/{version}/{path}");
        };
        check(1, "", Some(Resource::Endpoints));
        check(1, "http/", Some(Resource::Part(Part::Http)));
        check(1, "http/server_zones", Some(Resource::Zones(Zones::Servers(Part::Http), None)));
        check(1, "stream", Some(Resource::Part(Part::Stream)));
        check(1, "stream/server_zones/a", Some(Resource::Zones(Zones::Servers(Part::Stream), Some("a"))));
        check(5, "stream/limit_conns", None);
        check(6, "stream/limit_conns", Some(Resource::Zones(Zones::LimitConns(Part::Stream), None)));
        check(9, "stream/upstreams/a", Some(Resource::Upstream(Part::Stream, "a")));
        check(9, "stream/keyvals/one", Some(Resource::Keyval("one")));
        check(4, "http/location_zones/a", None);
        check(5, "http/location_zones/a", Some(Resource::Zones(Zones::Locations, Some("a"))));
        check(5, "http/limit_reqs", None);
        check(6, "http/limit_reqs", Some(Resource::Zones(Zones::LimitReqs, None)));
        check(8, "workers", None);
        check(9, "workers/0", Some(Resource::Workers(Some("0"))));
        check(9, "http/upstreams/a/servers/1", Some(Resource::Server(Part::Http, "a", "1")));
        check(9, "http/upstreams/a/servers/1/2", None);
        check(9, "http/keyvals/one", Some(Resource::Keyval("one")));
        for path in [
            "stream/caches",
            "stream/zone_sync",
            "stream/requests",
            "nginx/version",
            "http/nothing",
            "license",
        ] {
            check(9, path, None);
        }
    }

    /// What is listed is there.
    #[test]
    fn every_endpoint_leads_somewhere() {
        for version in 1..=9 {
            for name in endpoints(version).as_array().unwrap() {
                assert!(Resource::find(version, &[name.as_str().unwrap()]).is_some(), "/{version}/{name}");
            }
            for (path, part) in [("http", Part::Http), ("stream", Part::Stream)] {
                for name in part.endpoints(version).as_array().unwrap() {
                    let found = Resource::find(version, &[path, name.as_str().unwrap()]);
                    assert!(found.is_some(), "/{version}/{path}/{name}");
                }
            }
        }
    }
}
