//! What a worker routes by: listeners, servers and locations, each with its stack, built from one configuration.

mod listener;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use propylon_access_log::AccessLogs;
use propylon_config::{self as config, Config, ListenAddress, Settings, Spanned};
use propylon_exchange::{Address, Exchange, Keep};
use propylon_h1::server::ResponseTimeouts;
use propylon_stack::Route;
use propylon_vars::{Document, RefererCheck, Script, UserIds};
use tokio_util::sync::CancellationToken;

use crate::acme;
use crate::error::BuildError;
use crate::error_log::{self, ErrorLogs};
use crate::page::Face;
use crate::phases::Phases;
use crate::redirects::Redirects;
use crate::retired::Generation;
use crate::rewrite::Steps;
use crate::route::{self, EdgeHeaders, Pace, RealIp, Tracing, Users};
use crate::routing::{Captures, LocationMatch, Locations, Slashes};
use crate::stream::{self, At};
use crate::tally::{self, StatusLane, Tally};
use crate::tls::{ClientAuth, Serving};
use crate::upstreams::Upstreams;

pub(crate) use listener::Listener;

/// Everything that one worker routes by.
pub(crate) struct Router {
    listeners: HashMap<ListenAddress, Arc<Listener>, foldhash::fast::RandomState>,
    streams: HashMap<ListenAddress, Arc<At>>,
    /// Cancelled when nobody is in any of its locations any more.
    pub(crate) end: CancellationToken,
}

/// One `[[server]]`.
pub(crate) struct Server {
    /// Its first name (`$server_name`).
    pub(crate) name: Arc<str>,
    /// How its own pages look.
    pub(crate) face: Face,
    pub(crate) slashes: Slashes,
    pub(crate) keepalive_requests: u64,
    pub(crate) settings: Arc<Settings>,
    pub(crate) locations: Locations,
    routes: Vec<Arc<Location>>,
    /// How it speaks TLS, if it does.
    pub(crate) serving: Option<Arc<Serving>>,
    /// Who may be its client.
    pub(crate) clients: ClientAuth,
    /// What answers where no location matches.
    pub(crate) fallback: Arc<Location>,
    /// The steps before any location.
    pub(crate) steps: Option<Steps>,
    /// Whether steps, its own or of its locations, set how fast responses go.
    pub(crate) sets_rate: bool,
    /// The server's own `return`, before any location.
    pub(crate) respond: Option<Arc<Location>>,
    edge: EdgeHeaders,
    /// What its requests are counted in as they come, if it has a `status_zone` and somebody may ask.
    pub(crate) status: Option<Arc<StatusLane>>,
}

/// One `[[server.location]]`.
pub(crate) struct Location {
    pub(crate) route: Route,
    /// How its own redirects name the server.
    pub(crate) redirects: Redirects,
    /// What shapes answers that dispatch has found itself, as `route` shapes its own.
    pub(crate) found: Route,
    /// The `Server` field of responses.
    pub(crate) token: HeaderValue,
    pub(crate) logs: AccessLogs,
    /// Its own error logs; none: those who are in it tell their troubles to that of the process.
    pub(crate) errors: Option<Arc<ErrorLogs>>,
    /// Whether this location, or another of its server, has such logs.
    pub(crate) has_error_logs: bool,
    /// Whether what is asked for beside requests has a line as well.
    pub(crate) logs_beside: bool,
    /// How its requests are traced, where any of the server's are.
    pub(crate) trace: Option<Box<Tracing>>,
    /// What its exchanges are counted in, where somebody may ask.
    pub(crate) tally: Option<Box<Tally>>,
    pub(crate) keep: Keep,
    pub(crate) internal: bool,
    /// Whether its action asks for the request's `Path` although that is as the client sent it.
    pub(crate) reads_path: bool,
    /// How long its clients may take with responses, and may be idle after them.
    pub(crate) timeouts: ResponseTimeouts,
    /// How long they may take with the next piece of a request's body.
    pub(crate) body_timeout: Duration,
    /// How fast its responses go.
    pub(crate) pace: Option<Box<Pace>>,
    /// Where its files are.
    pub(crate) document: Option<Arc<Document>>,
    /// Which script a FastCGI server is to run.
    pub(crate) script: Option<Arc<Script>>,
    /// Which pages requests may come from.
    pub(crate) referers: Option<Arc<RefererCheck>>,
    /// How links are judged.
    pub(crate) secure_link: Option<Arc<propylon_vars::SecureLink>>,
    /// Who knows its clients by a cookie.
    pub(crate) users: Option<Arc<Users>>,
    /// Which browsers are modern.
    pub(crate) browsers: Option<Arc<propylon_vars::Browsers>>,
    /// What is done before a request is answered.
    pub(crate) phases: Option<Box<Phases>>,
    /// Whether other locations' answers are parts of its responses.
    pub(crate) has_parts: bool,
    /// The steps before its action.
    pub(crate) steps: Option<Steps>,
    pub(crate) real_ip: Option<RealIp>,
    /// Whether there is something that few locations have to tell requests when they come.
    pub(crate) introduces: bool,
    /// The configuration that it is of, which lasts as long.
    pub(crate) _generation: Generation,
}

impl Router {
    /// Builds the stacks of every location of `config`.
    pub(crate) fn build(config: &Config, upstreams: &mut Upstreams<'_>) -> Result<Self, BuildError> {
        let has_pages = has_pages(config);
        let servers = config
            .servers
            .iter()
            .map(|server| Server::build(server, has_pages, upstreams).map(Arc::new))
            .collect::<Result<Vec<_>, _>>()?;
        let listeners = config
            .listeners
            .iter()
            .filter(|listener| listener.stream.is_none())
            .map(|listener| {
                Ok((listener.address.clone(), Arc::new(Listener::build(listener, &servers, upstreams)?)))
            })
            .collect::<Result<_, BuildError>>()?;
        let streams = stream::by_address(config, upstreams)?;
        Ok(Self { listeners, streams, end: upstreams.generation.end() })
    }

    /// The stream at an address.
    pub(crate) fn stream(&self, address: &ListenAddress) -> Option<Arc<At>> {
        self.streams.get(address).cloned()
    }

    /// The servers at an address.
    pub(crate) fn listener(&self, address: &ListenAddress) -> Option<Arc<Listener>> {
        self.listeners.get(address).cloned()
    }
}

impl Server {
    fn build(
        server: &config::Server,
        has_pages: bool,
        upstreams: &mut Upstreams<'_>,
    ) -> Result<Self, BuildError> {
        let name = server.names.first().map(|name| name.value.as_str()).unwrap_or_default();
        // `.example.com` is called `example.com`, as in nginx.
        let name: Arc<str> = name.strip_prefix('.').unwrap_or(name).into();
        let site = route::Site {
            charset_maps: route::charset_maps(&upstreams.config.charset_maps),
            definitions: upstreams.config.definitions.clone(),
            face: Face::new(&server.settings),
            types: route::types(&server.settings.files),
            settings: server.settings.clone(),
            redirects: Redirects::new(&server.settings, &name),
            name: name.clone(),
            names: route::own_names(server),
            has_pages,
            traces: upstreams.config.later.has(Keep::TRACE) || server.traces(),
            has_error_logs: server.error_logs().next().is_some(),
            counts_compressed: upstreams.config.later.has(Keep::COMPRESSED),
            issuer: upstreams.runtime.issuer.clone(),
            lane: upstreams.counted().map(|ledger| ledger.server(&tally::label(server))),
            status: tally::zone(server, upstreams),
        };
        let mut fallback = route::fallback(server, &site, upstreams)?;
        fallback.referers = route::referer_check(&server.settings, server)?;
        let mut routes = Vec::new();
        let mut build = Build { server, site: &site, upstreams, routes: &mut routes };
        let patterns = build.locations(&server.locations)?;
        let mut unused = |name: &Spanned<Box<str>>| Err(BuildError::unusable(name.span));
        let steps = acme::answering(upstreams, server, Steps::build(&server.rewrite, &site, &mut unused)?);
        let respond = server.respond.as_ref();
        let all_steps =
            routes.iter().filter_map(|location: &Arc<Location>| location.steps.as_ref()).chain(&steps);
        let sets_rate = all_steps.into_iter().any(|steps| steps.sets("limit_rate"));
        Ok(Self {
            name,
            face: site.face.clone(),
            slashes: if server.merge_slashes { Slashes::Merge } else { Slashes::Keep },
            keepalive_requests: server.keepalive_requests,
            settings: server.settings.clone(),
            locations: Locations::build(patterns).map_err(BuildError::Locations)?,
            routes,
            steps,
            sets_rate,
            serving: upstreams.runtime.tls.serving(&server.tls),
            clients: ClientAuth::new(&server.tls),
            fallback: Arc::new(fallback),
            respond: respond
                .map(|respond| {
                    route::respond(&respond.value, &server.settings, &site, upstreams).map(Arc::new)
                })
                .transpose()?,
            edge: EdgeHeaders::new(&server.settings),
            status: site.status.clone(),
        })
    }

    /// The location with this index; the builder gave out the indices.
    pub(crate) fn location(&self, index: usize) -> &Arc<Location> {
        self.routes.get(index).unwrap_or(&self.fallback)
    }

    /// Removes the client's fields that this server does not accept.
    pub(crate) fn sanitize(&self, headers: &mut HeaderMap, peer: &Address) {
        self.edge.apply(headers, peer);
    }
}

/// Whether an error has a page anywhere: it may be any location.
fn has_pages(config: &Config) -> bool {
    let servers = config.servers.iter().map(|server| &server.settings);
    let mut all = servers.chain(config.locations().map(|location| &location.settings));
    all.any(|settings| !settings.error_page.pages.is_empty())
}

/// A server whose locations are being built.
struct Build<'b, 'u> {
    server: &'b config::Server,
    site: &'b route::Site,
    upstreams: &'b mut Upstreams<'u>,
    routes: &'b mut Vec<Arc<Location>>,
}

impl Build<'_, '_> {
    /// The patterns of locations and of those inside them, numbered by the places of their stacks in `routes`.
    fn locations(
        &mut self,
        locations: &[config::Location],
    ) -> Result<Vec<crate::routing::Location>, BuildError> {
        let mut patterns = Vec::with_capacity(locations.len());
        for location in locations {
            let matcher = LocationMatch::parse(&location.matcher.value.to_string())
                .map_err(BuildError::value("invalid location", location.matcher.span))?;
            let proxies = matches!(location.action, config::Action::ProxyPass(_));
            let mut built = route::location(location, &matcher, self.site, self.upstreams)?;
            built.referers = route::referer_check(&location.settings, self.server)?;
            let pattern = crate::routing::Location::new(self.routes.len(), matcher);
            let site = self.site.with(&location.settings);
            built.steps = Steps::build(&location.rewrite, &site, &mut |name| self.used(location, name))?;
            self.routes.push(Arc::new(built));
            let pattern = if proxies { pattern.passes() } else { pattern };
            patterns.push(pattern.nesting(self.locations(&location.locations)?));
        }
        Ok(patterns)
    }

    /// A location with the settings of a named one, and its action if it has one.
    fn used(
        &mut self,
        location: &config::Location,
        name: &Spanned<Box<str>>,
    ) -> Result<Arc<Location>, BuildError> {
        let mut named = self.server.locations.iter();
        let named = named.find(|named| named.matcher.value.to_string() == *name.value);
        let named = named.ok_or(BuildError::unusable(name.span))?;
        let own = match &named.action {
            config::Action::NotFound => false,
            // The root is the server's: to send files is nothing that it was told to do.
            config::Action::Files => named.settings.files.root != self.server.settings.files.root,
            _ => true,
        };
        let action = if own { &named.action } else { &location.action }.clone();
        let matcher = LocationMatch::parse(&location.matcher.value.to_string())
            .map_err(BuildError::value("invalid location", location.matcher.span))?;
        let used = config::Location {
            try_files: named.try_files.clone().or_else(|| location.try_files.clone()),
            matcher: location.matcher.clone(),
            internal: location.internal,
            status_zone: named.status_zone.clone(),
            rewrite: Vec::new(),
            settings: match &action {
                config::Action::ProxyPass(pass) if !own && pass.value.is_grpc() => {
                    Arc::new(named.settings.over_grpc(pass.span))
                }
                _ => named.settings.clone(),
            },
            action,
            locations: Vec::new(),
            span: named.span,
        };
        let mut built = route::location(&used, &matcher, self.site, self.upstreams)?;
        if !own {
            // The files are those of the location: the named one has none of its own.
            built.document = route::document(&location.settings);
        }
        built.referers = route::referer_check(&used.settings, self.server)?;
        Ok(Arc::new(built))
    }
}

impl Location {
    /// An exchange of its is over: it is counted, its log lines are written, and its spans recorded.
    pub(crate) fn ended(&self, exchange: &Exchange) {
        if let Some(tally) = &self.tally {
            tally.count(exchange);
        }
        self.log(exchange);
        if let Some(trace) = &self.trace {
            trace.ended(exchange);
        }
    }

    /// Writes its lines; a file that cannot be opened is told in its error log.
    #[inline]
    fn log(&self, exchange: &Exchange) {
        if self.has_error_logs {
            error_log::of(exchange, || self.logs.write(exchange));
        } else {
            self.logs.write(exchange);
        }
    }

    /// What was asked for beside another request is over: it is no request of the server's, but what it took of upstreams and caches counts.
    pub(crate) fn ended_beside(&self, exchange: &Exchange) {
        if let Some(tally) = &self.tally {
            tally.count_beside(exchange);
        }
        if self.logs_beside {
            self.log(exchange);
        }
        if let Some(trace) = &self.trace {
            trace.ended_beside(exchange);
        }
    }

    /// The request is this location's from here on. `beside`: it is asked for beside another one, in whose name things are said of it.
    #[inline]
    pub(crate) fn enter(&self, exchange: &Exchange, beside: bool) {
        exchange.keep(self.keep);
        let before = self.users.as_ref().and_then(|_| propylon_vars::user_ids(exchange));
        propylon_vars::set_place(
            exchange,
            self.document.as_ref(),
            self.referers.as_ref(),
            self.script.as_ref(),
        );
        if self.introduces {
            self.introduce(exchange, before.as_deref(), beside);
        }
    }

    /// What few locations ask for.
    #[inline(never)]
    fn introduce(&self, exchange: &Exchange, before: Option<&dyn UserIds>, beside: bool) {
        if self.has_error_logs && !beside {
            exchange.set_error_log(self.errors.clone().map(|logs| logs as _));
        }
        if let Some(users) = &self.users {
            users.introduce(exchange, before);
        }
        if let Some(browsers) = &self.browsers {
            propylon_vars::set_browsers(exchange, browsers.clone());
        }
        if let Some(link) = &self.secure_link {
            propylon_vars::set_secure_link(exchange, link.clone());
        }
        if let Some(real_ip) = &self.real_ip
            && let Some(address) = real_ip.address(exchange)
        {
            exchange.set_client(address);
        }
    }
}

/// A regex's captures as variables see them.
pub(crate) fn captures(found: &Captures) -> propylon_vars::Captures {
    let mut captures = propylon_vars::Captures::new();
    for n in 1..=found.len() {
        captures = captures.group(found.get(n));
    }
    for (name, value) in found.named() {
        captures = captures.named(name, value);
    }
    captures
}
