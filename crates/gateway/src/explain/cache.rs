//! What the cache has to do with a request.

use http::Method;
use propylon_config::{Cache, CacheZone, Purge, Purged, Settings, Source, ZoneName};

/// Whether a request is looked up, and where; nothing if there is no cache.
pub(super) fn lookup(settings: &Settings, source: &Source, method: &str) -> Option<String> {
    let cache = &settings.cache;
    let zone = match cache.zone.as_ref()? {
        ZoneName::Fixed(zone) => named(zone, source),
        ZoneName::Template(name) => format!("the zone that {} names", name.source()),
    };
    let purges = cache.purge.as_ref().is_some_and(|purge| purge.methods.iter().any(|known| known == method));
    if purges {
        return Some(format!("{method} removes the response with the key {} from {zone}", key(cache)));
    }
    let unless = |what: &str, templates: &[propylon_config::Template]| {
        let texts: Vec<&str> = templates.iter().map(|template| template.source()).collect();
        if texts.is_empty() {
            String::new()
        } else {
            format!("; {what} if any of {} is set", texts.join(" "))
        }
    };
    let when = cache.purge.as_ref().map_or(&[][..], |purge| &purge.when);
    let when = unless("the cached response is removed instead", when);
    if !cache.methods.iter().any(|known| known == method) {
        let changes = cache.habits.invalidate && !matches!(method, "OPTIONS" | "TRACE");
        let removes =
            if changes { "; if it succeeds, cached responses of its target are removed" } else { "" };
        return Some(format!("{method} is not looked up{removes}{when}"));
    }
    let head = if method == Method::HEAD.as_str() && cache.convert_head {
        "; sent to the upstream as GET"
    } else {
        ""
    };
    Some(format!(
        "{zone}, key {}{head}{}{}{when}",
        key(cache),
        unless("bypassed", &cache.bypass),
        unless("not stored", &cache.no_cache)
    ))
}

/// What the action `purge` does.
pub(super) fn purge(purge: &Purge, source: &Source) -> String {
    let zone = named(&purge.zone, source);
    let how = if purge.soft { "marks as stale" } else { "removes" };
    match &purge.what {
        Purged::Key(key) => format!("{how} the response with the key {} in {zone}", key.source()),
        Purged::Tags(tags) => format!("{how} the responses with the tags {} in {zone}", tags.source()),
    }
}

fn key(cache: &Cache) -> &str {
    let usual = if cache.habits.nginx { "upstream and target" } else { "host, upstream and target" };
    cache.key.as_ref().map_or(usual, |key| key.source())
}

fn named(zone: &CacheZone, source: &Source) -> String {
    let place = match &zone.path {
        Some(path) => path.display().to_string(),
        None => "in memory".to_owned(),
    };
    let shared = zone.redis.as_ref().map(|redis| format!(", shared by {}", &*redis.url)).unwrap_or_default();
    format!("zone \"{}\" ({place}{shared}), {}", zone.name, source.line_of(zone.span))
}
