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
    Http,
    Requests,
    /// All of a kind, or one.
    Zones(Zones, Option<&'p str>),
    Upstreams,
    Upstream(&'p str),
    Servers(&'p str),
    Server(&'p str, &'p str),
    Keyvals,
    Keyval(&'p str),
}

/// What has a name and can be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Zones {
    Slabs,
    Resolvers,
    Servers,
    Locations,
    Caches,
    LimitConns,
    LimitReqs,
}

/// The endpoints, each with the version that has brought it.
const ROOT: [(&str, u8); 8] = [
    ("nginx", 1),
    ("processes", 1),
    ("connections", 1),
    ("slabs", 1),
    ("http", 1),
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

pub(super) fn endpoints(version: u8) -> Value {
    names(&ROOT, version)
}

pub(super) fn http_endpoints(version: u8) -> Value {
    names(&HTTP, version)
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
        let known =
            is_there(&ROOT, path.first()) && (path.first() != Some(&"http") || is_there(&HTTP, path.get(1)));
        if !known {
            return None;
        }
        let zones = |kind, rest: &[&'p str]| match *rest {
            [] => Some(Self::Zones(kind, None)),
            [name] => Some(Self::Zones(kind, Some(name))),
            _ => None,
        };
        match *path {
            [] => Some(Self::Endpoints),
            ["nginx"] => Some(Self::Nginx),
            ["processes"] => Some(Self::Processes),
            ["connections"] => Some(Self::Connections),
            ["ssl"] => Some(Self::Ssl),
            ["workers"] => Some(Self::Workers(None)),
            ["workers", id] => Some(Self::Workers(Some(id))),
            ["slabs", ref rest @ ..] => zones(Zones::Slabs, rest),
            ["resolvers", ref rest @ ..] => zones(Zones::Resolvers, rest),
            ["http"] => Some(Self::Http),
            ["http", "requests"] => Some(Self::Requests),
            ["http", "server_zones", ref rest @ ..] => zones(Zones::Servers, rest),
            ["http", "location_zones", ref rest @ ..] => zones(Zones::Locations, rest),
            ["http", "caches", ref rest @ ..] => zones(Zones::Caches, rest),
            ["http", "limit_conns", ref rest @ ..] => zones(Zones::LimitConns, rest),
            ["http", "limit_reqs", ref rest @ ..] => zones(Zones::LimitReqs, rest),
            ["http", "upstreams"] => Some(Self::Upstreams),
            ["http", "upstreams", name] => Some(Self::Upstream(name)),
            ["http", "upstreams", name, "servers"] => Some(Self::Servers(name)),
            ["http", "upstreams", name, "servers", id] => Some(Self::Server(name, id)),
            ["http", "keyvals"] => Some(Self::Keyvals),
            ["http", "keyvals", zone] => Some(Self::Keyval(zone)),
            _ => None,
        }
    }

    /// What can be done with it beside looking.
    pub(super) const fn methods(self) -> &'static [Method] {
        match self {
            Self::Keyval(_) => &[Method::POST, Method::PATCH, Method::DELETE],
            Self::Servers(_) => &[Method::POST],
            Self::Server(..) => &[Method::PATCH, Method::DELETE],
            Self::Processes
            | Self::Connections
            | Self::Ssl
            | Self::Requests
            | Self::Workers(_)
            | Self::Zones(_, Some(_))
            | Self::Upstream(_) => &[Method::DELETE],
            Self::Endpoints
            | Self::Http
            | Self::Nginx
            | Self::Zones(_, None)
            | Self::Upstreams
            | Self::Keyvals => &[],
        }
    }
}

impl Zones {
    /// Under what a zone's statistics are known.
    pub(super) fn path(self, zone: &str) -> String {
        format!("{self:?}/{zone}")
    }

    /// What is said of a zone that is not there.
    pub(super) const fn missing(self) -> (&'static str, &'static str) {
        match self {
            Self::Slabs => ("SlabNotFound", "slab not found"),
            Self::Resolvers => ("ResolverZoneNotFound", "resolver zone not found"),
            Self::Servers => ("ServerZoneNotFound", "server zone not found"),
            Self::Locations => ("LocationZoneNotFound", "location zone not found"),
            Self::Caches => ("CacheNotFound", "cache not found"),
            Self::LimitConns => ("LimitConnNotFound", "limit_conn not found"),
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
        check(1, "http/", Some(Resource::Http));
        check(1, "http/server_zones", Some(Resource::Zones(Zones::Servers, None)));
        check(4, "http/location_zones/a", None);
        check(5, "http/location_zones/a", Some(Resource::Zones(Zones::Locations, Some("a"))));
        check(5, "http/limit_reqs", None);
        check(6, "http/limit_reqs", Some(Resource::Zones(Zones::LimitReqs, None)));
        check(8, "workers", None);
        check(9, "workers/0", Some(Resource::Workers(Some("0"))));
        check(9, "http/upstreams/a/servers/1", Some(Resource::Server("a", "1")));
        check(9, "http/upstreams/a/servers/1/2", None);
        check(9, "http/keyvals/one", Some(Resource::Keyval("one")));
        for path in ["stream", "nginx/version", "http/nothing", "license"] {
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
            for name in http_endpoints(version).as_array().unwrap() {
                assert!(
                    Resource::find(version, &["http", name.as_str().unwrap()]).is_some(),
                    "/{version}/http/{name}"
                );
            }
        }
    }
}
