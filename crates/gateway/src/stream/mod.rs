//! TCP and UDP that are passed on: what a worker makes of a `[[stream]]`, and what becomes of its connections and sessions.

mod joined;
mod line;
mod passing;
mod session;
mod udp;
mod waiting;

use std::collections::HashMap;
use std::sync::Arc;

use propylon_access::Rules;
use propylon_access_log::AccessLogs;
use propylon_config::{self as config, Config, ListenAddress, StreamAction, Template};

use crate::error::BuildError;
use crate::error_log::ErrorLogs;
use crate::retired::Generation;
use crate::route::{Limits, RealIp, access_logs, access_rules, error_logs};
use crate::tally::{self, Tally};
use crate::tls::{ClientAuth, Serving};
use crate::upstreams::Upstreams;

use passing::Passing;
pub(crate) use session::serve;
pub(crate) use udp::Endpoint;

/// A stream at one of its addresses.
pub(crate) struct At {
    stream: Arc<Stream>,
    /// What logs call it there.
    server: Arc<str>,
    tls: bool,
    proxy_protocol: bool,
}

/// A `[[stream]]`.
struct Stream {
    config: Arc<config::Stream>,
    action: Action,
    rules: Rules,
    limits: Option<Limits>,
    real_ip: Option<RealIp>,
    /// How it speaks TLS, where it does.
    serving: Option<Arc<Serving>>,
    /// Who may be its client.
    clients: ClientAuth,
    logs: AccessLogs,
    /// Its own error logs, if it has any.
    errors: Option<Arc<ErrorLogs>>,
    /// What its connections are counted in, where somebody may ask.
    tally: Option<Box<Tally>>,
    /// The configuration that it is of, which lasts as long.
    _generation: Generation,
}

enum Action {
    Return(Template),
    Pass(Box<Passing>),
}

impl At {
    fn new(listener: &config::Listener, stream: Arc<Stream>) -> Self {
        Self {
            stream,
            server: listener.address.to_string().into(),
            tls: listener.tls,
            proxy_protocol: listener.proxy_protocol,
        }
    }
}

impl Stream {
    fn build(config: &Arc<config::Stream>, upstreams: &mut Upstreams<'_>) -> Result<Self, BuildError> {
        let settings = &config.settings;
        let action = match &config.action.value {
            StreamAction::Return(text) => Action::Return(text.clone()),
            StreamAction::Pass(pass) => Action::Pass(Box::new(Passing::build(pass, settings, upstreams)?)),
        };
        let lane = upstreams.counted().map(|ledger| ledger.server(&tally::stream_label(config)));
        Ok(Self {
            action,
            rules: access_rules(&settings.access.rules),
            limits: Limits::new(settings, upstreams),
            real_ip: RealIp::of_proxies(&config.real_ip_from),
            serving: upstreams.runtime.tls.serving(&config.tls),
            clients: ClientAuth::new(&config.tls),
            logs: access_logs(settings, upstreams)?,
            errors: error_logs(settings, upstreams)?,
            tally: Tally::new(
                lane.as_ref(),
                tally::stream_zone(config, upstreams).as_ref(),
                settings,
                upstreams,
            ),
            config: config.clone(),
            _generation: upstreams.generation.clone(),
        })
    }
}

/// The streams, by their addresses.
pub(crate) fn by_address(
    config: &Config,
    upstreams: &mut Upstreams<'_>,
) -> Result<HashMap<ListenAddress, Arc<At>>, BuildError> {
    let built = config.streams.iter().map(|stream| Stream::build(stream, upstreams).map(Arc::new));
    let built = built.collect::<Result<Vec<_>, _>>()?;
    let at = config.listeners.iter().filter_map(|listener| {
        let stream = built.get(listener.stream?)?.clone();
        Some((listener.address.clone(), Arc::new(At::new(listener, stream))))
    });
    Ok(at.collect())
}
