//! `cache_zone.NAME.redis`: configuration to the tier that several gateways share.

use std::io;
use std::sync::Arc;

use propylon_cache::store::tier::{HEAD, Options, TierEvent};
use propylon_cache_redis::{Redis, Secured, Server, Stream};
use propylon_config::{self as config, CacheZone, Config};
use propylon_tls::{BuildError as TlsError, Connector};
use tokio::net::TcpStream;

use crate::error::{BuildError, chain};

/// The server, if what is said of it can be.
pub(super) fn server(redis: &config::Redis) -> Result<Server, BuildError> {
    let no_good =
        |error: io::Error| BuildError::value("invalid URL of a Redis server", redis.url.span)(error);
    let server = Server::parse(&redis.url).map_err(|error| no_good(io::Error::other(error)))?;
    if !server.is_tls() && (redis.identity.is_some() || redis.trusted_certificate.is_some()) {
        return Err(no_good(io::Error::other("certificates can only be used with `rediss://`")));
    }
    Ok(server)
}

/// The tier of a zone.
pub(super) fn tier(redis: &config::Redis, server: Server) -> Redis {
    let is_tls = server.is_tls();
    let tier = Redis::new(server, &redis.prefix)
        .user(redis.user.as_deref())
        .max_record(redis.max_object.saturating_add(HEAD));
    let tier = match &redis.password_file {
        Some(file) => tier.password_file(file),
        None => tier,
    };
    let redis = redis.clone();
    if is_tls { tier.secure(move |stream, host| secure(&redis, stream, host)) } else { tier }
}

/// What is told of a zone's tier goes to the error log.
pub(super) fn options(zone: &CacheZone, redis: &config::Redis) -> Options {
    let (name, url) = (zone.name.clone(), redis.url.value.clone());
    Options::default()
        .timeout(redis.timeout)
        .background_timeout(redis.background_timeout)
        .pause(redis.pause)
        .poll(redis.poll)
        .stale(redis.stale)
        .max_object(redis.max_object)
        .queue(redis.queue)
        .observer(move |event| report(&name, &url, event))
}

/// Files may have changed since the last connection, and connections are rare.
fn secure(redis: &config::Redis, stream: TcpStream, host: &str) -> Secured {
    let (redis, host) = (redis.clone(), host.to_owned());
    Box::pin(async move {
        let made = tokio::task::spawn_blocking(move || connector(&redis)).await?;
        let secured = made.map_err(io::Error::other)?.connect(stream, &host).await;
        secured.map(|stream| Box::new(stream) as Box<dyn Stream>).map_err(io::Error::other)
    })
}

/// Reads files.
fn connector(redis: &config::Redis) -> Result<Connector, TlsError> {
    let mut builder = Connector::builder().verify(true).verify_depth(DEPTH).server_name(true);
    if let Some(file) = &redis.trusted_certificate {
        builder = builder.trusted_certificate(file);
    }
    if let Some((certificate, key)) = &redis.identity {
        builder = builder.identity(certificate, key);
    }
    builder.build()
}

/// How many certificates may be between the server's and one that is trusted.
const DEPTH: usize = 9;

/// What the world is to blame for: files that are no good. Reads them.
pub(super) fn faults(config: &Config) -> Vec<String> {
    let fault = |zone: &Arc<CacheZone>| {
        let redis = zone.redis.as_ref()?;
        let password = redis.password_file.as_ref().and_then(|file| std::fs::read_to_string(file).err());
        let tls = || connector(redis).err().map(|error| error.to_string());
        let tls = server(redis).is_ok_and(|server| server.is_tls()).then(tls).flatten();
        let why = password.map(|error| format!("cannot read the password file: {error}")).or(tls)?;
        Some(format!("cache \"{}\" cannot be shared: {why}", zone.name))
    };
    config.cache_zones.values().filter_map(fault).collect()
}

fn report(zone: &str, url: &str, event: &TierEvent<'_>) {
    match event {
        TierEvent::Reached => {
            tracing::info!(target: "propylon_gateway", "cache \"{zone}\" is shared through {url}");
        }
        TierEvent::Lost(error) => tracing::error!(
            target: "propylon_gateway",
            "cache \"{zone}\" is not shared through {url}: {}; the server is not used for a while", chain(error)
        ),
        TierEvent::KeepsNothing(error) => tracing::error!(
            target: "propylon_gateway",
            "cache \"{zone}\": {url} stores nothing: {}", chain(error)
        ),
        TierEvent::KeepsAgain => {
            tracing::warn!(target: "propylon_gateway", "cache \"{zone}\": {url} stores responses again");
        }
        TierEvent::Emptied => tracing::warn!(
            target: "propylon_gateway",
            "cache \"{zone}\" is emptied: purges may have been missed, because {url} no longer has them"
        ),
        _ => {}
    }
}
