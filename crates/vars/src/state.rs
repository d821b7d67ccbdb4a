//! What variables remember of one exchange, in the slot that it has for them.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use propylon_exchange::Exchange;
use smallvec::SmallVec;

use crate::login::Login;
use crate::preread::Hello;
use crate::token::Token;
use crate::{Browsers, Document, Limited, Script, SecureLink, UserIds};

/// Judges a `Referer`, which a request may lack: whether it is a valid one.
pub type RefererCheck = dyn Fn(Option<&[u8]>) -> bool + Send + Sync;

/// What a regular expression captured: groups by number, and by name.
#[derive(Clone, Debug, Default)]
pub struct Captures {
    groups: SmallVec<[Option<Bytes>; 2]>,
    named: Vec<(Box<str>, Bytes)>,
}

impl Captures {
    /// No groups.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The next numbered group: `$1` first. A group that took no part in the match is `None`.
    #[must_use]
    pub fn group(mut self, value: Option<Bytes>) -> Self {
        self.groups.push(value);
        self
    }

    /// A named group. Its number is counted by [`group`](Self::group) besides.
    #[must_use]
    pub fn named(mut self, name: &str, value: Bytes) -> Self {
        self.named.push((lower(name), value));
        self
    }
}

/// The request is now for this path, decoded and normalised (`$uri`), with these arguments (`$args`).
///
/// To be called when the request's target has been read, and again after each rewrite or internal redirect. Until then
/// the two variables have no value.
pub fn set_uri(exchange: &Exchange, uri: Bytes, args: Option<Bytes>) {
    exchange.set_uri(uri, args);
}

/// The path that the request is for now.
#[must_use]
pub fn uri(exchange: &Exchange) -> Option<Bytes> {
    exchange.uri()
}

/// The arguments that the request has now.
#[must_use]
pub fn args(exchange: &Exchange) -> Option<Bytes> {
    exchange.args()
}

/// A regular expression of the configuration matched: its numbered groups replace those of the one before, its named
/// groups are set beside those that are there.
pub fn set_captures(exchange: &Exchange, captures: Captures) {
    write(exchange, |facts| {
        facts.groups = captures.groups;
        for (name, value) in captures.named {
            facts.set_named(name, value);
        }
    });
}

/// Group `number` of the last match, from 1.
#[must_use]
pub fn group(exchange: &Exchange, number: u8) -> Option<Bytes> {
    read(exchange, |facts| facts.group(number).cloned())
}

/// The request is a GET from here on, whatever its line says (`$request_method`): an error page is fetched for it.
pub fn set_get(exchange: &Exchange) {
    write(exchange, |facts| facts.get = true);
}

pub(crate) fn is_get(exchange: &Exchange) -> bool {
    read(exchange, |facts| Some(facts.get)).unwrap_or_default()
}

/// The request's files are there from here on (`$document_root`, `$request_filename`, `$realpath_root`); `None`: nowhere.
pub fn set_document(exchange: &Exchange, document: Option<Arc<Document>>) {
    write(exchange, |facts| facts.document = document);
}

/// Where the request's files are.
#[must_use]
pub fn document(exchange: &Exchange) -> Option<Arc<Document>> {
    read(exchange, |facts| facts.document.clone())
}

/// Looks at where the request's files are. While it is looked at it is nowhere, so that a directory whose name has itself
/// in it comes to an end.
pub(crate) fn with_document<T>(exchange: &Exchange, look: impl FnOnce(&Document) -> T) -> Option<T> {
    let document = write(exchange, |facts| facts.document.take())??;
    let found = look(&document);
    set_document(exchange, Some(document));
    Some(found)
}

/// The response goes so fast from here on (`$limit_rate`), in bytes each second; 0: as fast as it can.
pub fn set_limit_rate(exchange: &Exchange, bytes: u64) {
    write(exchange, |facts| facts.limit_rate = Some(bytes));
}

/// How fast the response goes, if anybody said.
#[must_use]
pub fn limit_rate(exchange: &Exchange) -> Option<u64> {
    read(exchange, |facts| facts.limit_rate)
}

/// Tells the lengths of the response before and after it was compressed, once it was.
pub type Compressed = dyn Fn() -> Option<(u64, u64)> + Send + Sync;

/// The response is compressed (`$gzip_ratio`).
pub fn set_compressed(exchange: &Exchange, sizes: Arc<Compressed>) {
    write(exchange, |facts| facts.few().compressed = Some(sizes));
}

/// How many times smaller the response is than it was: `3.25`.
pub(crate) fn compression_ratio(exchange: &Exchange) -> Option<Vec<u8>> {
    let (original, compressed) = few(exchange, |few| few.compressed.clone())?()?;
    let hundredths = original.saturating_mul(1000).checked_div(compressed)?.saturating_add(5) / 10;
    Some(format!("{}.{:02}", hundredths / 100, hundredths % 100).into_bytes())
}

/// What limits of requests decided (`$limit_req_status`).
pub fn set_requests_limited(exchange: &Exchange, limited: Limited) {
    write(exchange, |facts| facts.requests_limited = Some(limited));
}

/// What limits of requests at once decided (`$limit_conn_status`).
pub fn set_connections_limited(exchange: &Exchange, limited: Limited) {
    write(exchange, |facts| facts.connections_limited = Some(limited));
}

/// Where the request's files are from here on, as [`set_document`] has it, who judges its `Referer` (`$invalid_referer`), and which
/// script is to run (`$fastcgi_script_name`); `None`: nowhere, any is valid, and the path is the script's name. That costs next to
/// nothing for a request that never had any of them.
pub fn set_place(
    exchange: &Exchange,
    document: Option<&Arc<Document>>,
    referers: Option<&Arc<RefererCheck>>,
    script: Option<&Arc<Script>>,
) {
    let nothing = document.is_none() && referers.is_none() && script.is_none();
    let state = if nothing { exchange.made_slot::<State>() } else { exchange.slot() };
    let Some(state) = state else { return };
    let mut facts = state.0.lock();
    facts.document = document.cloned();
    facts.referers = referers.cloned();
    facts.script = script.cloned();
    facts.slice_range = None;
    if let Some(few) = &mut facts.few {
        (few.link, few.link_expires, few.user_ids, few.browsers) = (None, None, None, None);
    }
}

/// These browsers are modern, and those ancient, from here on (`$modern_browser`, `$ancient_browser`).
pub fn set_browsers(exchange: &Exchange, browsers: Arc<Browsers>) {
    write(exchange, |facts| facts.few().browsers = Some(browsers));
}

/// The request is for this slice of what it asks for (`$slice_range`), as `Range` has it; none: for all of it.
pub fn set_slice_range(exchange: &Exchange, range: Option<Bytes>) {
    if range.is_some() || exchange.made_slot::<State>().is_some() {
        write(exchange, |facts| facts.slice_range = range);
    }
}

/// The slice that the request is for.
#[must_use]
pub fn slice_range(exchange: &Exchange) -> Option<Bytes> {
    read(exchange, |facts| facts.slice_range.clone())
}

/// How the request's link is judged from here on (`$secure_link`).
pub fn set_secure_link(exchange: &Exchange, link: Arc<SecureLink>) {
    write(exchange, |facts| {
        let few = facts.few();
        (few.link, few.link_expires) = (Some(link), None);
    });
}

/// Looks at how the request's link is judged. While it is looked at it is not judged, so that what has itself in it comes to an end.
pub(crate) fn with_secure_link<T>(exchange: &Exchange, look: impl FnOnce(&SecureLink) -> T) -> Option<T> {
    let link = write(exchange, |facts| facts.few.as_mut()?.link.take())??;
    let found = look(&link);
    write(exchange, |facts| facts.few().link = Some(link));
    Some(found)
}

/// Until when the request's link is good (`$secure_link_expires`).
pub(crate) fn set_link_expires(exchange: &Exchange, expires: Option<Bytes>) {
    write(exchange, |facts| facts.few().link_expires = expires);
}

/// The same, if that is known.
pub(crate) fn link_expires(exchange: &Exchange) -> Option<Bytes> {
    few(exchange, |few| few.link_expires.clone())
}

/// What the request's link was judged to be.
pub(crate) fn set_link_judged(exchange: &Exchange, judged: Option<Bytes>) {
    write(exchange, |facts| facts.few().link_judged = Some(judged));
}

/// The same, if it was.
pub(crate) fn link_judged(exchange: &Exchange) -> Option<Option<Bytes>> {
    few(exchange, |few| few.link_judged.clone())
}

/// Sets one named value.
pub fn set_named(exchange: &Exchange, name: &str, value: Bytes) {
    let name = lower(name);
    write(exchange, |facts| facts.set_named(name, value));
}

/// What is known of a request goes for what is [done beside it](Exchange::beside), too.
pub fn share(from: &Exchange, to: &Exchange) {
    let Some(facts) = read(from, |facts| Some(facts.clone())) else { return };
    write(to, |own| *own = facts);
}

/// What a request is called: `$request_id`.
#[must_use]
pub fn request_id(exchange: &Exchange) -> Option<Bytes> {
    write(exchange, |facts| facts.request_id().clone())
}

/// The same for what is asked for in the name of a request and is to be known as that one (`$request_id`); what its regular
/// expressions captured by number stays its own.
pub fn lend(from: &Exchange, to: &Exchange) {
    let facts = write(from, |facts| {
        facts.request_id();
        let mut lent =
            Facts { groups: SmallVec::new(), limit_rate: None, slice_range: None, ..facts.clone() };
        lent.named.iter_mut().for_each(|named| named.own = false);
        lent.few.iter_mut().for_each(|few| few.compressed = None);
        lent
    });
    if let Some(facts) = facts {
        write(to, |own| *own = facts);
    }
}

/// What was asked for is answered: the variables that were set on its way are the request's too (nginx).
pub fn give_back(from: &Exchange, to: &Exchange) {
    let Some((named, requests, connections)) = read(from, |facts| {
        let own = facts.named.iter().filter(|named| named.own).cloned().collect::<Vec<_>>();
        Some((own, facts.requests_limited, facts.connections_limited))
    }) else {
        return;
    };
    write(to, |own| {
        for Named { name, value, .. } in named {
            own.set_named(name, value);
        }
        own.requests_limited = own.requests_limited.or(requests);
        own.connections_limited = own.connections_limited.or(connections);
    });
}

/// The slot's type. The lock is held for a look or a write, never while a variable is evaluated.
#[derive(Default)]
struct State(Mutex<Facts>);

#[derive(Clone, Default)]
pub(crate) struct Facts {
    groups: SmallVec<[Option<Bytes>; 2]>,
    named: Vec<Named>,
    maps: Vec<(MapKey, Bytes)>,
    request_id: Option<Bytes>,
    get: bool,
    limit_rate: Option<u64>,
    slice_range: Option<Bytes>,
    pub(crate) requests_limited: Option<Limited>,
    pub(crate) connections_limited: Option<Limited>,
    document: Option<Arc<Document>>,
    pub(crate) referers: Option<Arc<RefererCheck>>,
    pub(crate) script: Option<Arc<Script>>,
    few: Option<Box<Few>>,
}

/// What few requests have.
#[derive(Clone, Default)]
pub(crate) struct Few {
    link: Option<Arc<SecureLink>>,
    link_expires: Option<Bytes>,
    /// What was judged stays so, wherever the request goes.
    link_judged: Option<Option<Bytes>>,
    /// The one that was found good.
    pub(crate) token: Option<Arc<dyn Token>>,
    /// Whose browser it is.
    pub(crate) login: Option<Arc<dyn Login>>,
    pub(crate) user_ids: Option<Arc<dyn UserIds>>,
    pub(crate) browsers: Option<Arc<Browsers>>,
    compressed: Option<Arc<Compressed>>,
    /// What was read of a stream's first bytes.
    pub(crate) hello: Option<Arc<Hello>>,
}

/// A value that was set.
#[derive(Clone)]
struct Named {
    name: Box<str>,
    value: Bytes,
    /// Whether it was set here, and did not come along.
    own: bool,
}

/// Which map of which definitions.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct MapKey {
    pub(crate) definitions: u64,
    pub(crate) index: usize,
}

impl Facts {
    pub(crate) fn few(&mut self) -> &mut Few {
        self.few.get_or_insert_default()
    }

    pub(crate) fn group(&self, number: u8) -> Option<&Bytes> {
        self.groups.get(usize::from(number).checked_sub(1)?)?.as_ref()
    }

    pub(crate) fn named(&self, name: &str) -> Option<&Bytes> {
        self.named.iter().find(|named| *named.name == *name).map(|named| &named.value)
    }

    fn set_named(&mut self, name: Box<str>, value: Bytes) {
        match self.named.iter_mut().find(|named| named.name == name) {
            Some(named) => (named.value, named.own) = (value, true),
            None => self.named.push(Named { name, value, own: true }),
        }
    }

    pub(crate) fn map(&self, key: MapKey) -> Option<&Bytes> {
        self.maps.iter().find(|(known, _)| *known == key).map(|(_, value)| value)
    }

    /// Remembers a map's value. The first one stays, should two evaluations have run at once.
    pub(crate) fn remember_map(&mut self, key: MapKey, value: Bytes) -> Bytes {
        if let Some(first) = self.map(key) {
            return first.clone();
        }
        self.maps.push((key, value.clone()));
        value
    }

    /// Remembers a map's value in the place of the one before.
    pub(crate) fn replace_map(&mut self, key: MapKey, value: Bytes) {
        match self.maps.iter_mut().find(|(known, _)| *known == key) {
            Some((_, old)) => *old = value,
            None => self.maps.push((key, value)),
        }
    }

    /// All of them are looked up anew.
    pub(crate) fn forget_maps(&mut self) {
        self.maps.clear();
    }

    /// This token is heard for a while. Returns what was known before.
    pub(crate) fn hear(&mut self, token: Arc<dyn Token>) -> Self {
        let before = self.clone();
        self.forget_maps();
        self.few().token = Some(token);
        before
    }

    /// The while is over: what was learnt in it may be of the token.
    pub(crate) fn forget(&mut self, before: Self) {
        (self.groups, self.named, self.maps, self.few) =
            (before.groups, before.named, before.maps, before.few);
    }

    pub(crate) fn request_id(&mut self) -> &Bytes {
        self.request_id.get_or_insert_with(|| format!("{:032x}", fastrand::u128(..)).into())
    }
}

/// Looks at the state. `look` must not evaluate a variable.
pub(crate) fn read<T>(exchange: &Exchange, look: impl FnOnce(&Facts) -> Option<T>) -> Option<T> {
    exchange.made_slot::<State>().and_then(|state| look(&state.0.lock()))
}

/// The same for what few requests have.
pub(crate) fn few<T>(exchange: &Exchange, look: impl FnOnce(&Few) -> Option<T>) -> Option<T> {
    read(exchange, |facts| look(facts.few.as_ref()?))
}

/// Changes the state. `change` must not evaluate a variable.
pub(crate) fn write<T>(exchange: &Exchange, change: impl FnOnce(&mut Facts) -> T) -> Option<T> {
    exchange.slot::<State>().map(|state| change(&mut state.0.lock()))
}

fn lower(name: &str) -> Box<str> {
    name.to_ascii_lowercase().into()
}
