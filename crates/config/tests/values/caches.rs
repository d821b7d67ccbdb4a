//! Caches and their zones.

use http::StatusCode;
use propylon_config::{Action, Purged, Redis, Valid, ZoneName};

use crate::support::{everything, location};

#[test]
fn cache() {
    let config = everything();
    let cache = &location(&config, "/").settings.cache;
    let main = config.cache_zones["main"].clone();
    assert_eq!(cache.zone, Some(ZoneName::Fixed(main.clone())));
    assert_eq!((main.levels.as_slice(), main.keys, main.max_size), (&[1, 2][..], 1 << 20, Some(1 << 30)));
    assert_eq!((main.manager.files, main.loader.files, main.inactive.as_secs()), (10, 1000, 3600));
    let memory = &config.cache_zones["memory"];
    assert_eq!((&memory.path, memory.max_size, memory.keys), (&None, None, 10 << 20));
    let (redis, short) =
        (memory.redis.as_ref().unwrap(), config.cache_zones["shared"].redis.as_ref().unwrap());
    let text = |redis: &Redis| {
        (redis.url.value.to_string(), redis.prefix.to_string(), redis.max_object, redis.queue)
    };
    assert_eq!(text(redis), ("rediss://cache.example.com:6380/2".into(), "example:".into(), 4 << 20, 100));
    assert_eq!(text(short), ("redis://10.0.0.1".into(), "propylon:shared:".into(), 1 << 20, 1024));
    let times = |redis: &Redis| {
        [redis.timeout, redis.background_timeout, redis.pause, redis.poll, redis.stale]
            .map(|time| time.as_millis())
    };
    assert_eq!(times(redis), [50, 2000, 10_000, 500, 0]);
    assert_eq!(times(short), [100, 1000, 5000, 1000, 3_600_000]);
    assert_eq!(redis.user.as_deref(), Some("gateway"));
    assert!(redis.password_file.is_some() && redis.trusted_certificate.is_some() && redis.identity.is_some());
    assert!(short.user.is_none() && short.password_file.is_none() && short.identity.is_none());
    let codes =
        |valid: &Valid| valid.codes.as_ref().map(|codes| codes.iter().map(StatusCode::as_u16).collect());
    let valid: Vec<(Option<Vec<u16>>, u64)> =
        cache.valid.iter().map(|valid| (codes(valid), valid.time.as_secs())).collect();
    assert_eq!(valid, [(Some(vec![200, 302]), 600), (Some(vec![404]), 60), (None, 0)]);
    assert_eq!(cache.use_stale, ["error", "timeout", "updating", "http_500"]);
    assert_eq!(cache.habits.targeted, ["cdn-cache-control", "surrogate-control"]);
    assert_eq!(cache.status.as_deref(), Some("edge"));
    let purge = cache.purge.as_ref().expect("it is on");
    assert!(purge.soft && purge.methods.len() == 2 && purge.allow.token.as_deref() == Some("secret"));
    let Action::Purge(purge) = &location(&config, "~ ^/purge(/.*)").action else { panic!("no purge") };
    assert!(purge.zone == main && purge.soft && purge.allow.addresses.is_none());
    let Action::Purge(purge) = &location(&config, "/purge-tags").action else { panic!("no purge") };
    assert!(matches!(purge.what, Purged::Tags(_)) && purge.allow.addresses.as_ref().map(Vec::len) == Some(3));
}

#[test]
fn what_a_cache_does_by_itself() {
    let mode = |text: &str| {
        let text = format!("defaults.cache.mode = \"{text}\"\n[[server]]\nreturn = [204]\n");
        let config =
            propylon_config::parse(&text, "a.toml").unwrap_or_else(|report| panic!("{report}")).config;
        config.servers[0].settings.cache.clone()
    };
    let (rfc, nginx) = (mode("rfc"), mode("nginx"));
    assert!(rfc.revalidate && rfc.habits.heuristic && rfc.habits.guard_stale && !rfc.habits.nginx);
    assert!(!nginx.revalidate && !nginx.habits.heuristic && !nginx.habits.guard_stale && nginx.habits.nginx);
    assert_eq!((rfc.use_stale.len(), nginx.use_stale.len()), (7, 0));
    assert_eq!((rfc.habits.targeted.len(), nginx.habits.targeted.len()), (1, 0));
    assert_eq!((rfc.status.as_deref(), nginx.status.as_deref()), (Some("propylon"), None));
    assert!(rfc.zone.is_none() && rfc.purge.is_none() && rfc.convert_head && rfc.methods.len() == 2);
    let alone = propylon_config::parse(
        "[cache_zone.a]\n[defaults.cache]\nzone = \"a\"\nvalid = \"1m\"\n[[server]]\ncache.zone = \"off\"\nreturn = [204]\n",
        "a.toml",
    );
    let alone = alone.unwrap_or_else(|report| panic!("{report}")).config.servers[0].settings.cache.clone();
    assert!(alone.zone.is_none(), "an inner level turns it off");
    assert_eq!(alone.valid[0].codes.as_ref().map(Vec::len), Some(3));
}
