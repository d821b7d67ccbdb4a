//! The servers of upstreams, as they are configured and changed: by what `/api/v1/upstreams` does it with, and nginx's keys and errors.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use propylon_config::UpstreamServer;
use propylon_gateway::insight::{Change, Insight, MembershipError, Peer, PeerState};
use serde_json::{Map, Value, json};

use super::fault::Fault;
use super::keyvals::object;
use super::resource::Part;
use super::{Answer, upstreams};
use crate::api::peers;

/// What a server may be told, and what is said of a value that is no good.
const KEYS: [(&str, &str); 11] = [
    ("server", "UpstreamBadAddress"),
    ("service", "UpstreamBadService"),
    ("weight", "UpstreamBadWeight"),
    ("max_conns", "UpstreamBadMaxConns"),
    ("max_fails", "UpstreamBadMaxFails"),
    ("fail_timeout", "UpstreamBadFailTimeout"),
    ("slow_start", "UpstreamBadSlowStart"),
    ("route", "UpstreamBadRoute"),
    ("backup", "UpstreamConfFormatError"),
    ("down", "UpstreamConfFormatError"),
    ("drain", "UpstreamConfFormatError"),
];

/// What no server of a stream has.
const OF_HTTP: [&str; 2] = ["route", "drain"];

/// An address for a server of which something else is read.
const ANY: &str = "127.0.0.1:80";

/// An upstream of a part, by its name.
pub(super) struct Group<'q>(pub(super) &'q Insight, pub(super) Part, pub(super) &'q str);

impl Group<'_> {
    pub(super) fn servers(&self) -> Result<Value, Fault> {
        let Self(insight, part, name) = *self;
        Ok(upstreams::find(insight, part, name)?.peers.iter().map(|peer| of_peer(part, peer)).collect())
    }

    pub(super) fn server(&self, id: &str) -> Result<Value, Fault> {
        Ok(of_peer(self.1, &self.find(id)?))
    }

    pub(super) fn add(&self, body: &Bytes) -> Result<Answer, Fault> {
        let Self(insight, part, name) = *self;
        upstreams::find(insight, part, name)?;
        let said = said(body, part)?;
        if !said.contains_key("server") {
            return Err(Fault::bad("UpstreamConfFormatError", "missing \"server\" argument"));
        }
        let server = server(&said)?;
        let id = peers::add_to(insight, name, &server).map_err(|error| refused(&error))?;
        let body = self.server(&id.to_string())?;
        Ok(Answer { status: StatusCode::CREATED, body: Some(body) })
    }

    pub(super) fn remove(&self, id: &str) -> Result<Answer, Fault> {
        let peer = self.find(id)?;
        peers::take_out(self.0, self.2, &peer).map_err(|error| refused(&error))?;
        self.servers().map(Answer::ok)
    }

    pub(super) fn change(&self, id: &str, body: &Bytes) -> Result<Answer, Fault> {
        let Self(insight, part, name) = *self;
        let peer = self.find(id)?;
        let said = said(body, part)?;
        keeps(&peer, &said)?;
        let new = server(&said)?;
        let has = |key: &str| said.contains_key(key);
        let change = |before: Change| Change {
            state: state(&said).or(before.state),
            weight: has("weight").then_some(new.weight).or(before.weight),
            max_conns: has("max_conns").then_some(new.max_conns).or(before.max_conns),
            max_fails: has("max_fails").then_some(new.max_fails).or(before.max_fails),
            fail_timeout: has("fail_timeout").then_some(new.fail_timeout).or(before.fail_timeout),
            slow_start: has("slow_start").then_some(new.slow_start).or(before.slow_start),
        };
        insight.change_peer(name, peer.id, change).map_err(|_| not_found(id))?;
        let now = self.find(id)?;
        peers::tell_change(name, &now);
        Ok(Answer::ok(of_peer(part, &now)))
    }

    fn find(&self, id: &str) -> Result<Peer, Fault> {
        let number: u32 = id.parse().map_err(|_| Fault::bad("UpstreamBadServerId", "invalid server ID"))?;
        let Self(insight, part, name) = *self;
        let found = upstreams::find(insight, part, name)?.peers.into_iter().find(|peer| peer.id == number);
        found.ok_or_else(|| not_found(id))
    }
}

/// What cannot be changed has to be what it is.
fn keeps(peer: &Peer, said: &Map<String, Value>) -> Result<(), Fault> {
    let id = peer.id;
    let is = |key: &str, now: &[&str]| {
        said.get(key).is_none_or(|said| now.iter().any(|now| said.as_str() == Some(now)))
    };
    if !is("server", &[&peer.address, &peer.server]) {
        let text = format!("server \"{id}\" address is immutable");
        return Err(Fault::bad("UpstreamServerImmutable", text));
    }
    let format =
        |key: &str| Err(Fault::bad("UpstreamConfFormatError", format!("\"{key}\" cannot be changed")));
    if !is("route", &[peer.route.as_deref().unwrap_or_default()]) {
        return format("route");
    }
    if said.get("backup").is_some_and(|backup| backup.as_bool() != Some(peer.backup)) {
        return format("backup");
    }
    if said.contains_key("service") { format("service") } else { Ok(()) }
}

/// Whether it is to be sent requests, if that is said.
fn state(said: &Map<String, Value>) -> Option<PeerState> {
    match ["down", "drain"].map(|key| said.get(key).and_then(Value::as_bool)) {
        [Some(true), _] => Some(PeerState::Down),
        [_, Some(true)] => Some(PeerState::Drain),
        [None, None] => None,
        _ => Some(PeerState::Up),
    }
}

/// The keys in a body, all of them known. `id` is not said, but told.
fn said(body: &Bytes, part: Part) -> Result<Map<String, Value>, Fault> {
    let mut said = object(body)?;
    said.remove("id");
    for (key, value) in &said {
        if !KEYS.iter().any(|(known, _)| known == key) || part == Part::Stream && OF_HTTP.contains(&&**key) {
            let text = format!("unknown parameter \"{}\"", key.escape_debug());
            return Err(Fault::bad("UpstreamConfFormatError", text));
        }
        if value.is_object() || value.is_array() {
            return Err(Fault::bad("UpstreamConfFormatError", "nested object or list"));
        }
    }
    Ok(said)
}

/// A server as it is said.
fn server(said: &Map<String, Value>) -> Result<UpstreamServer, Fault> {
    for (key, code) in KEYS {
        if let Some(value) = said.get(key) {
            let alone = [(key.to_owned(), value.clone())].into_iter().collect();
            peers::server(&keys(&alone))
                .map_err(|refusal| Fault::bad(code, format!("invalid \"{key}\": {}", refusal.text)))?;
        }
    }
    peers::server(&keys(said)).map_err(|refusal| Fault::bad("UpstreamConfFormatError", refusal.text))
}

/// The keys of the configuration for nginx's.
fn keys(said: &Map<String, Value>) -> Map<String, Value> {
    let one = |(key, value): (&String, &Value)| match (key.as_str(), value) {
        ("server", value) => Some(("address".to_owned(), value.clone())),
        // A number of seconds, and a route that is none.
        ("fail_timeout" | "slow_start", Value::Number(seconds)) => {
            Some((key.clone(), format!("{seconds}s").into()))
        }
        ("route", Value::String(route)) if route.is_empty() => None,
        _ => Some((key.clone(), value.clone())),
    };
    let any = [("address".to_owned(), ANY.into())];
    any.into_iter().chain(said.iter().filter_map(one)).collect()
}

fn not_found(id: &str) -> Fault {
    Fault::missing("UpstreamServerNotFound", format!("server with ID \"{id}\" does not exist"))
}

fn refused(error: &MembershipError) -> Fault {
    let (status, code) = match error {
        MembershipError::NoUpstream => (StatusCode::NOT_FOUND, "UpstreamNotFound"),
        MembershipError::NoPeer => (StatusCode::NOT_FOUND, "UpstreamServerNotFound"),
        MembershipError::Exists => (StatusCode::CONFLICT, "EntryExists"),
        MembershipError::Configured => (StatusCode::BAD_REQUEST, "UpstreamServerImmutable"),
        MembershipError::Invalid(_) => (StatusCode::BAD_REQUEST, "UpstreamConfFormatError"),
        MembershipError::State(_) => (StatusCode::INTERNAL_SERVER_ERROR, "UpstreamNotSaved"),
    };
    Fault::new(status, code, error.to_string())
}

fn of_peer(part: Part, peer: &Peer) -> Value {
    let (max_fails, fail_timeout) = peer.fails;
    let (down, drain) = peer.out;
    let mut all = json!({
        "id": peer.id,
        "server": peer.address,
        "weight": peer.weight,
        "max_conns": peer.max_conns,
        "max_fails": max_fails,
        "fail_timeout": time(fail_timeout),
        "slow_start": time(peer.slow_start),
        "backup": peer.backup,
        "down": down,
    });
    if let (Part::Http, Some(all)) = (part, all.as_object_mut()) {
        all.insert("route".to_owned(), peer.route.as_deref().unwrap_or_default().into());
        if drain {
            all.insert("drain".to_owned(), true.into());
        }
    }
    all
}

/// In seconds, or what is no whole number of them in milliseconds.
fn time(time: Duration) -> String {
    match time.subsec_millis() {
        0 => format!("{}s", time.as_secs()),
        _ => format!("{}ms", time.as_millis()),
    }
}
