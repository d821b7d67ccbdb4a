//! `headers`: configuration to layers.

use http::header::{
    CONNECTION, DATE, FORWARDED, HOST, HeaderMap, HeaderName, HeaderValue, SERVER, TE, UPGRADE,
};
use http::{request, response};
use propylon_config::{Forwarded, Peer, RealIpHeader, SetHeader, Settings, Template, UpstreamVersion};
use propylon_exchange::{Address, Exchange, Keep};
use propylon_h1::{Marks, Unwanted};
use propylon_headers::{
    ClientAddr, Element, Field, Node, RequestHeadersLayer, ResponseHeadersLayer, SanitizeLayer, Trusted,
    Value, X_FORWARDED_FOR, append_forwarded, real_address, real_address_forwarded, strip_untrusted,
};

use super::respond::KeptAsSaid;
use super::{Site, cache, carry};

/// The layer that writes the head of the request to the upstream. `host` is `$proxy_host` where it is always the same.
pub(crate) fn request(settings: &Settings, host: Option<HeaderValue>) -> RequestHeadersLayer {
    let headers = &settings.headers;
    let layer = RequestHeadersLayer::new();
    let layer = match host {
        Some(host) => layer.host(move |_| Some(host.clone())),
        None => layer.host(|parts| {
            let proxy = parts.extensions.get::<Exchange>()?.proxy()?;
            HeaderValue::from_str(&proxy.host).ok()
        }),
    };
    let layer = layer.pass_request_headers(settings.upstream.pass_headers);
    let layer = if settings.upstream.websocket {
        let (own, others): (Vec<_>, Vec<_>) =
            headers.set.iter().partition(|field| field.name == CONNECTION || field.name == UPGRADE);
        let connection = own.into_iter().find(|field| field.name == CONNECTION).map(request_field);
        layer.set_all(others.into_iter().map(request_field)).set_all(super::tunnel::fields(connection))
    } else {
        layer.set_all(headers.set.iter().map(request_field))
    };
    let own = |name: &HeaderName| headers.set.iter().any(|field| field.name == *name);
    let http2 = settings.upstream.http_version == UpstreamVersion::Http2;
    let layer = if http2 && !own(&TE) {
        layer.set(Field::computed(TE, trailers))
    } else if !http2
        && headers.pass_trailers
        && !settings.upstream.websocket
        && !own(&TE)
        && !own(&CONNECTION)
    {
        // RFC 9110, 10.1.4: what TE says is said to the next one only, so `Connection` has to name it.
        let te = Field::fixed(TE, HeaderValue::from_static("trailers"));
        layer.set(te).set(Field::fixed(CONNECTION, HeaderValue::from_static("te")))
    } else {
        layer
    };
    match headers.forwarded {
        Forwarded::Off => layer,
        Forwarded::Append => layer.set(Field::computed(FORWARDED, |parts: &request::Parts| {
            append_forwarded(&parts.headers, &element(parts)?).ok()
        })),
        Forwarded::Replace => layer.set(Field::computed(FORWARDED, |parts| {
            append_forwarded(&HeaderMap::new(), &element(parts)?).ok()
        })),
    }
}

/// What HTTP/2 leaves of `TE`: whether the client takes trailers, which gRPC asks for.
fn trailers(parts: &request::Parts) -> Option<HeaderValue> {
    let trailers = |value: &HeaderValue| {
        let mut codings = value.as_bytes().split(|&byte| byte == b',');
        codings.any(|coding| coding.trim_ascii().eq_ignore_ascii_case(b"trailers"))
    };
    parts.headers.get_all(TE).iter().any(trailers).then(|| HeaderValue::from_static("trailers"))
}

/// The layer that writes the head of the response to the client.
pub(crate) fn response(settings: &Settings, site: &Site) -> ResponseHeadersLayer {
    let headers = &settings.headers;
    let mut layer = ResponseHeadersLayer::new();
    if site.has_pages {
        // What is added to the page of an error goes by the status that the client sees.
        layer = layer.status(carry::shown);
    }
    for name in &headers.hide {
        layer = layer.hide(name.clone());
    }
    for name in &headers.pass {
        layer = layer.pass(name);
    }
    if cache::tells_dates(settings) {
        layer = layer.pass(&DATE);
    }
    if let Some(expires) = settings.expires.clone() {
        layer = layer.expires(move |parts| {
            // What is for one client, once, stays so: a login that others are given is theirs as well.
            let said = parts.extensions.get::<KeptAsSaid>().is_some();
            if said { None } else { super::expires::rule(&expires, parts) }
        });
    }
    for field in &headers.add {
        layer = layer.add(response_field(field));
    }
    for field in &headers.add_always {
        layer = layer.add_always(response_field(field));
    }
    layer
}

/// Fields of an upstream's responses that nothing here looks at and the client does not get: they need not be there at all. A cache
/// looks at any, and keeps them for other locations.
pub(crate) fn unwanted(settings: &Settings) -> Unwanted {
    let hop_by_hop = Marks::CONNECTION | Marks::KEEP_ALIVE;
    if settings.cache.zone.is_some() {
        return Unwanted::from(hop_by_hop);
    }
    let passed = |name: &HeaderName| settings.headers.pass.contains(name);
    let marks = [(DATE, Marks::DATE), (SERVER, Marks::SERVER)]
        .into_iter()
        .filter(|(name, _)| !passed(name))
        .fold(hop_by_hop, |all, (_, mark)| all | mark);
    // Of what begins like these, only the orders of X-Accel mean anything to a layer; other names may.
    let unread =
        |name: &HeaderName| name.as_str().starts_with("x-") && !name.as_str().starts_with("x-accel-");
    let hidden = settings.headers.hide.iter().filter(|name| unread(name) && !passed(name));
    Unwanted::from(marks).names(hidden.cloned())
}

/// What the templates need to be kept.
pub(crate) fn needs(settings: &Settings) -> Keep {
    let headers = &settings.headers;
    let templates = [&headers.set, &headers.add, &headers.add_always]
        .into_iter()
        .flatten()
        .flat_map(|field| &field.values);
    carry::needs(templates)
}

/// What is done to a request's fields before anything reads them.
#[derive(Clone, Debug)]
pub(crate) struct Edge {
    sanitize: SanitizeLayer,
    trusted: Option<Trusted>,
}

impl Edge {
    pub(crate) fn new(settings: &Settings) -> Self {
        let headers = &settings.headers;
        Self {
            sanitize: SanitizeLayer::new()
                .underscores_in_headers(headers.underscores)
                .ignore_invalid_headers(headers.ignore_invalid),
            trusted: headers.trusted.as_deref().map(trusted),
        }
    }

    /// Removes the fields whose names are not accepted, and the claims of a peer that is not trusted.
    pub(crate) fn apply(&self, headers: &mut HeaderMap, peer: &Address) {
        self.sanitize.apply(headers);
        if let Some(trusted) = &self.trusted {
            strip_untrusted(headers, &client_addr(*peer), trusted);
        }
    }
}

/// Whose word is taken for the client's address, and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct RealIp {
    trusted: Trusted,
    header: RealIpHeader,
    recursive: bool,
}

/// The rule for the client's real address, if the configuration trusts anybody.
pub(crate) fn real_ip(settings: &Settings) -> Option<RealIp> {
    let headers = &settings.headers;
    (!headers.real_ip_from.is_empty()).then(|| RealIp {
        trusted: trusted(&headers.real_ip_from),
        header: headers.real_ip_header.clone(),
        recursive: headers.real_ip_recursive,
    })
}

impl RealIp {
    /// The rule where the PROXY protocol is all that tells it; none, where nobody is believed.
    pub(crate) fn of_proxies(from: &[Peer]) -> Option<Self> {
        let header = RealIpHeader::ProxyProtocol;
        (!from.is_empty()).then(|| Self { trusted: trusted(from), header, recursive: false })
    }

    /// The client's address as a trusted peer gives it.
    pub(crate) fn address(&self, exchange: &Exchange) -> Option<Address> {
        let peer = client_addr(exchange.connection().peer);
        let header = match &self.header {
            RealIpHeader::Field(header) => header,
            RealIpHeader::ProxyProtocol => {
                let told = exchange.connection().proxy_protocol.as_ref()?;
                return self.trusted.contains(&peer).then(|| Address::from(told.client));
            }
        };
        let lines: smallvec::SmallVec<[&[u8]; 4]> = exchange.head()?.headers.values(header).collect();
        let found = if *header == FORWARDED {
            real_address_forwarded(&peer, lines, &self.trusted, self.recursive)
        } else if *header == X_FORWARDED_FOR {
            real_address(&peer, lines, &self.trusted, self.recursive)
        } else {
            real_address(&peer, lines.first().copied(), &self.trusted, self.recursive)
        };
        found.map(|(ip, port)| Address::ip(ip, port))
    }
}

/// A value that can't stand in a field (a line break from a decoded path) is not sent.
fn request_field(field: &SetHeader) -> Field<request::Parts> {
    let values = field.values.iter().map(|template| match fixed(template) {
        Some(value) => Value::fixed(value),
        None => {
            let template = template.clone();
            Value::computed(move |parts: &request::Parts| template.field(parts.extensions.get::<Exchange>()?))
        }
    });
    Field::list(field.name.clone(), values)
}

/// As with a request's.
fn response_field(field: &SetHeader) -> Field<response::Parts> {
    let values = field.values.iter().map(|template| match fixed(template) {
        Some(value) => Value::fixed(value),
        None => {
            let template = template.clone();
            Value::computed(move |parts: &response::Parts| carry::field(&template, parts))
        }
    });
    // What looks at the fields that the client gets (`$sent_http_NAME`) sees those before it.
    let late = carry::needs(field.values.iter()).has(Keep::SENT_HEAD);
    let field = Field::list(field.name.clone(), values);
    if late { field.late() } else { field }
}

fn fixed(template: &Template) -> Option<HeaderValue> {
    template.as_static().and_then(|text| HeaderValue::from_maybe_shared(text.clone()).ok())
}

fn element(parts: &request::Parts) -> Option<Element<'static>> {
    let exchange = parts.extensions.get::<Exchange>()?;
    let element = Element::new().with_for(Node::from(client_addr(exchange.client())));
    let element = element.with_proto(if exchange.connection().tls.is_some() { "https" } else { "http" });
    let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok());
    Some(match host {
        Some(host) => element.with_host(host.to_owned()),
        None => element,
    })
}

pub(super) fn trusted(peers: &[Peer]) -> Trusted {
    let networks = peers.iter().filter_map(|peer| match peer {
        Peer::Net(net) => Some(*net),
        Peer::Unix => None,
    });
    networks.collect::<Trusted>().unix(peers.iter().any(|peer| matches!(peer, Peer::Unix)))
}

pub(super) fn client_addr(address: Address) -> ClientAddr {
    match address.as_ip() {
        Some(ip) => ClientAddr::ip(ip, address.port()),
        None => ClientAddr::unix(),
    }
}
