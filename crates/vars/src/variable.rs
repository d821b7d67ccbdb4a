//! What a name in a template stands for, and how its value is found.

use bytes::Bytes;
use http::HeaderValue;
use http::header::COOKIE;
use propylon_exchange::{Exchange, Keep};
use propylon_proxy_protocol::TlvName;

use crate::built_in::BuiltIn;
use crate::definitions::Inner;
use crate::fields::Field;
use crate::out::Out;
use crate::token::{self, TokenPart};
use crate::{fields, login, proxied, state};

/// What a name in a template stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Variable {
    BuiltIn(BuiltIn),
    /// What cannot change while the process runs.
    Constant(Bytes),
    Argument(Box<str>),
    Cookie(Box<str>),
    Header(Field),
    SentHeader(Field),
    SentTrailer(Field),
    UpstreamHeader(Field),
    UpstreamTrailer(Field),
    UpstreamCookie(Box<str>),
    ProxyProtocolTlv(TlvName),
    /// What the request's token says, by the names that lead to it.
    Token(TokenPart, Box<[Box<str>]>),
    /// What the provider says of whoever has logged in.
    OidcClaim(Box<str>),
    /// `$1` to `$9`.
    Group(u8),
    Named(Box<str>),
    /// A name of a family that the configuration sets somewhere: what was set, else what it is of itself (nginx).
    NamedOr(Box<str>, Box<Self>),
    Map(usize),
    /// Something that the configuration defines, and what streams have under the same name: each side has its own.
    OfSides(Box<Sides>),
}

/// What a name stands for where it is not the same for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sides {
    pub(crate) http: Variable,
    pub(crate) stream: Variable,
}

impl Sides {
    fn of(&self, exchange: &Exchange) -> &Variable {
        if exchange.is_stream() { &self.stream } else { &self.http }
    }
}

/// Variables whose names begin alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Argument,
    Cookie,
    Header,
    SentHeader,
    SentTrailer,
    UpstreamHeader,
    UpstreamTrailer,
    UpstreamCookie,
    ProxyProtocolTlv,
    JwtHeader,
    JwtClaim,
    OidcClaim,
}

impl Family {
    /// The member called `name`, in lower case; nothing if it has no name.
    pub(crate) fn member(self, name: &str) -> Option<Variable> {
        // nginx takes `$arg_` and `$cookie_`, which never have a value.
        if name.is_empty() && !matches!(self, Self::Argument | Self::Cookie) {
            return None;
        }
        Some(match self {
            Self::Argument => Variable::Argument(name.into()),
            Self::Cookie => Variable::Cookie(name.into()),
            Self::UpstreamCookie => Variable::UpstreamCookie(name.into()),
            Self::Header => Variable::Header(Field::new(name)?),
            Self::SentHeader => Variable::SentHeader(Field::new(name)?),
            Self::SentTrailer => Variable::SentTrailer(Field::new(name)?),
            Self::UpstreamHeader => Variable::UpstreamHeader(Field::new(name)?),
            Self::ProxyProtocolTlv => Variable::ProxyProtocolTlv(TlvName::parse(name)?),
            Self::JwtHeader => Variable::Token(TokenPart::Header, [name.into()].into()),
            Self::JwtClaim => Variable::Token(TokenPart::Claims, [name.into()].into()),
            Self::OidcClaim => Variable::OidcClaim(name.into()),
            Self::UpstreamTrailer => Variable::UpstreamTrailer(Field::new(name)?),
        })
    }
}

/// What variables are evaluated from.
#[derive(Clone, Copy)]
pub(crate) struct Scene<'a> {
    pub(crate) exchange: &'a Exchange,
    pub(crate) definitions: &'a Inner,
}

impl Variable {
    /// The map, if it is one, of whichever side.
    pub(crate) fn map(&self) -> Option<usize> {
        match self {
            Self::Map(index) => Some(*index),
            Self::OfSides(sides) => sides.http.map(),
            _ => None,
        }
    }

    /// The facts that it reads and that are kept on demand; those of a map are asked of the map.
    pub(crate) fn keep(&self) -> Keep {
        match self {
            Self::SentHeader(_) => Keep::SENT_HEAD,
            Self::NamedOr(_, other) => other.keep(),
            Self::OfSides(sides) => sides.http.keep(), // those of streams alone are in what is always known
            Self::BuiltIn(BuiltIn::RequestBody) => Keep::REQUEST_BODY,
            Self::BuiltIn(BuiltIn::ProxyHost | BuiltIn::ProxyPort) => Keep::PROXY,
            Self::BuiltIn(BuiltIn::Trace(_)) => Keep::TRACE,
            Self::BuiltIn(BuiltIn::GzipRatio) => Keep::COMPRESSED,
            Self::UpstreamHeader(_) | Self::UpstreamTrailer(_) | Self::UpstreamCookie(_) => {
                Keep::UPSTREAM_HEAD
            }
            _ => Keep::default(),
        }
    }

    /// Writes the value; says whether there is one.
    #[inline(always)] // a line of a log has ten of them, and this is called in one place
    pub(crate) fn write(&self, scene: Scene<'_>, out: &mut Out<'_>) -> bool {
        let Scene { exchange, definitions } = scene;
        match self {
            Self::BuiltIn(variable) => variable.write(exchange, out),
            Self::Constant(value) => {
                out.text(value);
                true
            }
            Self::Header(field) => write_header(field, exchange, out),
            Self::Argument(_) | Self::Group(_) | Self::Named(_) => match self.shared(scene) {
                Some(value) => out.option(value.as_deref()),
                None => false,
            },
            Self::Map(index) => {
                out.text(&definitions.map_value(*index, exchange));
                true
            }
            Self::NamedOr(name, other) => match state::read(exchange, |facts| facts.named(name).cloned()) {
                Some(value) => out.option(Some(&value)),
                None => other.write_member(scene, out),
            },
            _ => self.write_member(scene, out),
        }
    }

    /// The value, if there is one.
    #[inline(never)] // pages ask for it, and nobody else
    pub(crate) fn value(&self, scene: Scene<'_>) -> Option<Bytes> {
        if let Some(value) = self.shared(scene) {
            return value;
        }
        let mut buffer = Vec::new();
        self.write(scene, &mut Out::plain(&mut buffer)).then(|| buffer.into())
    }

    /// The same of a member of a [`Family`].
    #[inline(never)] // out of the way of what most logs have
    fn write_member(&self, scene: Scene<'_>, out: &mut Out<'_>) -> bool {
        let exchange = scene.exchange;
        match self {
            Self::Header(field) => write_header(field, exchange, out),
            Self::SentTrailer(field) => {
                exchange.with_sent_trailers(|trailers| field.write(trailers, out)) == Some(true)
            }
            Self::SentHeader(field) => {
                exchange.with_sent_headers(|headers| field.write(headers, out)).unwrap_or(false)
            }
            Self::UpstreamHeader(field) => {
                exchange.with_upstream_headers(|headers| field.write(headers, out)).unwrap_or(false)
            }
            Self::UpstreamTrailer(field) => {
                exchange.with_upstream_trailers(|headers| field.write(headers, out)).unwrap_or(false)
            }
            Self::Cookie(name) => out
                .option(exchange.head().and_then(|head| fields::cookie(head.headers.values(&COOKIE), name))),
            Self::UpstreamCookie(name) => exchange
                .with_upstream_headers(|headers| out.option(fields::set_cookie(headers, name)))
                .unwrap_or(false),
            Self::ProxyProtocolTlv(name) => proxied::tlv(*name, exchange, out),
            Self::BuiltIn(variable) => variable.write(exchange, out),
            Self::OfSides(sides) => sides.of(exchange).write_member(scene, out),
            _ => self.shared(scene).flatten().is_some_and(|value| out.option(Some(&value))),
        }
    }

    /// The value as that of a field, if it can be had without a copy; nothing where there is none, or it cannot stand in one.
    pub(crate) fn field(&self, scene: Scene<'_>) -> Option<Option<HeaderValue>> {
        if let Self::BuiltIn(variable) = self
            && let Some(value) = variable.field(scene.exchange)
        {
            return Some(Some(value));
        }
        let value = self.shared(scene)?;
        Some(value.and_then(|value| HeaderValue::from_maybe_shared(value).ok()))
    }

    /// The value, if it can be had without a copy: `Some(None)` says that there is none.
    pub(crate) fn shared(&self, scene: Scene<'_>) -> Option<Option<Bytes>> {
        let Scene { exchange, definitions } = scene;
        match self {
            Self::BuiltIn(variable) => variable.shared(exchange),
            Self::Constant(value) => Some(Some(value.clone())),
            Self::Argument(name) => {
                let args = exchange.args().unwrap_or_default();
                Some(fields::argument(&args, name).map(|value| args.slice_ref(value)))
            }
            Self::Group(number) => Some(state::read(exchange, |facts| facts.group(*number).cloned())),
            Self::Named(name) => Some(state::read(exchange, |facts| facts.named(name).cloned())),
            Self::NamedOr(name, other) => match state::read(exchange, |facts| facts.named(name).cloned()) {
                Some(value) => Some(Some(value)),
                None => other.shared(scene),
            },
            Self::Map(index) => Some(Some(definitions.map_value(*index, exchange))),
            Self::Token(part, path) => Some(token::value(exchange, *part, path)),
            Self::OidcClaim(name) => Some(login::claim(exchange, name)),
            Self::OfSides(sides) => sides.of(exchange).shared(scene),
            _ => None,
        }
    }
}

#[inline]
fn write_header(field: &Field, exchange: &Exchange, out: &mut Out<'_>) -> bool {
    exchange.head().is_some_and(|head| field.write_received(&head.headers, out))
}
