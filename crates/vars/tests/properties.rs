//! What holds for every text.

mod support;

use http::StatusCode;
use proptest::prelude::*;
use propylon_exchange::{Exchange, Keep};
use propylon_vars::{Context, Definitions, Map, describe, set_uri};
use support::{headers, request};

/// Texts in which `$`, braces, names and other characters meet.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("$".to_owned()),
        Just("${".to_owned()),
        Just("}".to_owned()),
        Just("$host".to_owned()),
        Just("${uri}".to_owned()),
        "[a-zé$_0-9{}~\\\\ ]{0,6}",
        any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

/// A template of built variables.
fn template() -> impl Strategy<Value = String> {
    let names: Vec<_> = describe().iter().filter(|entry| entry.built()).map(|entry| entry.name).collect();
    let name = prop::sample::select(names)
        .prop_map(|name| format!("${{{}}}", name.replace("tlv_NAME", "tlv_alpn").replace("NAME", "x")));
    prop::collection::vec(prop_oneof![name, "[a-z -]{0,5}"], 0..6).prop_map(|pieces| pieces.concat())
}

fn with_response(keep: Keep) -> Exchange {
    let exchange = request("/target?x=1", &[("x", "1"), ("cookie", "x=2")]);
    exchange.keep(keep);
    set_uri(&exchange, "/target".into(), Some("x=1".into()));
    drop(exchange.open_try("peer".into()));
    let fields = headers(&[("x", "3"), ("set-cookie", "x=4")]);
    exchange.upstream_responded(&fields);
    exchange.upstream_trailers(&fields);
    exchange.responded(StatusCode::OK, &fields);
    exchange
}

proptest! {
    #[test]
    fn compiling_never_panics_and_errors_lie_in_the_text(text in text()) {
        for context in [Context::Request, Context::Log] {
            let definitions = Definitions::default();
            let faults = definitions.faults(&text, context);
            prop_assert_eq!(definitions.template(&text, context).err(), faults.first().cloned());
            for fault in &faults {
                prop_assert!(!fault.range().is_empty());
                prop_assert!(text.get(fault.range()).is_some(), "{:?}", fault.range());
            }
        }
    }

    #[test]
    fn building_never_panics(name in text(), key in text(), patterns in prop::collection::vec((text(), text()), 0..4)) {
        let map = patterns.iter().fold(Map::new(name, key), |map, (pattern, value)| map.value(pattern, value));
        let _ = Definitions::builder().map(map.clone()).build();
        let _ = Definitions::builder().map(map.hostnames()).build();
    }

    #[test]
    fn a_text_without_dollars_is_itself(text in "[^$]*") {
        let template = Definitions::default().template(&text, Context::Request).unwrap();
        prop_assert_eq!(&template.as_static().unwrap()[..], text.as_bytes());
    }

    #[test]
    fn what_a_template_needs_is_enough(inner in template(), by_map: bool) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let _guard = runtime.enter();
        let definitions = Definitions::builder().map(Map::new("map", "").default(&inner)).build().unwrap();
        let text = if by_map { "$map" } else { &inner };
        let template = definitions.template(text, Context::Log).unwrap();
        let all = Keep::SENT_HEAD.and(Keep::UPSTREAM_HEAD);
        let moving = ["request_id", "msec", "time_"].iter().any(|name| inner.contains(name));
        let value = |keep| template.eval(&with_response(keep));
        // What moves by itself cannot be compared: its length can.
        prop_assert!(!moving || value(all).len() == value(template.needs()).len());
        prop_assert!(moving || value(all) == value(template.needs()));
    }

    #[test]
    fn lookups_of_host_names_agree_with_reading_the_list(
        patterns in prop::collection::btree_set("(\\*\\.|\\.)?[ab](\\.[ab]){0,2}|[ab](\\.[ab]){0,2}\\.\\*", 1..8),
        key in "[abAB]?(\\.?[ab]){0,4}\\.?",
    ) {
        let patterns: Vec<_> = patterns.into_iter().collect();
        let map = patterns.iter().fold(Map::new("m", "$uri").hostnames(), |map, p| map.value(p, format!("={p}")));
        // Two patterns for one name are refused: nothing to look up then.
        let Ok(definitions) = Definitions::builder().map(map).build() else { return Ok(()) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let _guard = runtime.enter();
        let exchange = request("/", &[]);
        set_uri(&exchange, key.clone().into(), None);
        let value = definitions.template("$m", Context::Request).unwrap().eval(&exchange);
        let expected = by_list(&patterns, &key).map(|p| format!("={p}")).unwrap_or_default();
        prop_assert_eq!(String::from_utf8_lossy(&value), expected, "{} in {:?}", key, patterns);
    }
}

/// nginx's order: the name itself, the longest leading wildcard, the longest trailing one.
fn by_list<'p>(patterns: &'p [String], key: &str) -> Option<&'p String> {
    let key = key.to_lowercase();
    let key = key.strip_suffix('.').unwrap_or(&key);
    let exact = patterns.iter().find(|p| **p == key);
    let leading = patterns.iter().filter(|p| match (p.strip_prefix("*."), p.strip_prefix('.')) {
        (Some(suffix), _) => key.strip_suffix(suffix).is_some_and(|rest| rest.ends_with('.')),
        (_, Some(suffix)) => {
            key.strip_suffix(suffix).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        }
        _ => false,
    });
    let trailing = patterns.iter().filter(|p| {
        p.strip_suffix(".*")
            .is_some_and(|prefix| key.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('.')))
    });
    let labels = |p: &&String| p.split('.').filter(|label| !matches!(*label, "" | "*")).count();
    exact.or(leading.max_by_key(labels)).or(trailing.max_by_key(labels))
}
