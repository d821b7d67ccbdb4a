//! Maps: which pattern wins, what its template sees, how often it is looked up.

mod support;

use bytes::Bytes;
use http::StatusCode;
use propylon_exchange::{Exchange, Keep};
use propylon_vars::{Captures, Definitions, KeyValues, Map, set_captures, set_named, set_uri};
use support::{headers, logged, request};

fn with_key(key: &str) -> Exchange {
    let exchange = request("/", &[]);
    set_uri(&exchange, "/".into(), Some(format!("x=X&k={key}").into()));
    exchange
}

fn one(map: Map) -> Definitions {
    Definitions::builder().map(map).build().unwrap_or_default()
}

#[tokio::test]
async fn texts_then_expressions_then_the_default() {
    let definitions = one(Map::new("m", "$arg_k")
        .default("d")
        .value("a", "1")
        .value("A_", "2")
        .value("~^r(.)(?<nm>.)?", "$1-$nm-$arg_x")
        .value("~*^Q", "q")
        .value("", "e")
        .value("\\~t", "tilde")
        .value("~^rz", "late"));
    let check = |key: &str, expected: &str| {
        assert_eq!(logged(&definitions, "$m", &with_key(key)), expected, "{key}");
    };
    check("a", "1");
    check("A", "1");
    check("a_", "2");
    check("", "e");
    check("rxy", "x-y-X");
    check("rx", "x--X");
    check("rz", "z--X");
    check("r", "d");
    check("R", "d");
    check("qq", "q");
    check("QQ", "q");
    check("~t", "tilde");
    check("~T", "tilde");
    check("t", "d");
}

#[tokio::test]
async fn fields_that_are_sent_are_looked_up_until_they_are() {
    let definitions = one(Map::new("m", "$sent_http_x").default("d").value("", "none").value("1", "one"));
    let exchange = request("/", &[]);
    exchange.keep(Keep::SENT_HEAD);
    assert_eq!(logged(&definitions, "$m", &exchange), "none");
    exchange.answering_fields(&headers(&[("x", "1")]));
    assert_eq!(logged(&definitions, "$m", &exchange), "one");
    // As nginx, which remembers what it was when it was used.
    exchange.responded(StatusCode::OK, &headers(&[("x", "2")]));
    assert_eq!(logged(&definitions, "$m", &exchange), "one");
    let other = request("/", &[]);
    other.keep(Keep::SENT_HEAD);
    other.responded(StatusCode::OK, &headers(&[("x", "2")]));
    assert_eq!(logged(&definitions, "$m", &other), "d");
}

#[tokio::test]
async fn host_names() {
    let definitions = one(Map::new("m", "$arg_k")
        .hostnames()
        .default("d")
        .value("example.com", "exact")
        .value("*.example.com", "star")
        .value(".dot.com", "dot")
        .value("www.x.*", "tail")
        .value("*.com", "com")
        .value("~^re\\.", "re")
        .value("*.a.example.com", "deep")
        .value("www.*", "w"));
    let check = |key: &str, expected: &str| {
        assert_eq!(logged(&definitions, "$m", &with_key(key)), expected, "{key}");
    };
    check("example.com", "exact");
    check("EXAMPLE.com.", "exact");
    check("x.example.com", "star");
    check(".example.com", "star");
    check("a.example.com", "star");
    check("b.a.example.com", "deep");
    check("dot.com", "dot");
    check("y.dot.com", "dot");
    check("zz.com", "com");
    check("com", "d");
    check("www.x.org", "tail");
    check("www.x.y.z", "tail");
    check("www.x", "w");
    check("www.x.", "w");
    check("www.y", "w");
    check("www", "d");
    check("re.foo", "re");
    check("re.com", "com");
    check("", "d");
}

#[tokio::test]
async fn without_hostnames_a_star_and_a_last_dot_are_text() {
    let definitions = one(Map::new("m", "$arg_k").value("*.a", "star").value("a", "bare"));
    let check = |key: &str, expected: &str| {
        assert_eq!(logged(&definitions, "$m", &with_key(key)), expected, "{key}");
    };
    check("*.a", "star");
    check("x.a", "");
    check("a.", "");
}

#[tokio::test]
async fn an_expression_never_sees_an_empty_key() {
    let definitions = one(Map::new("m", "$arg_k").value("~^$", "empty").default("d"));
    assert_eq!(logged(&definitions, "$m", &with_key("")), "d");
}

#[tokio::test]
async fn expressions_match_bytes() {
    let definitions = one(Map::new("m", "$uri").value("~^/(.)$", "one byte").value("~é", "e").default("d"));
    let check = |uri: &'static [u8], expected: &str| {
        let exchange = request("/", &[]);
        set_uri(&exchange, Bytes::from_static(uri), None);
        assert_eq!(logged(&definitions, "$m", &exchange), expected, "{uri:?}");
    };
    check(b"/\xff", "one byte");
    check("/aé".as_bytes(), "e");
    check(b"/ab", "d");
}

#[tokio::test]
async fn captures_stay_for_what_is_evaluated_afterwards() {
    let definitions = Definitions::builder()
        .name("nm")
        .map(Map::new("cap", "$arg_k").value("~^z(?<rest>.*)$", "<$1>").value("~^y", "y"))
        .build()
        .unwrap();
    let check = |key: &str, expected: &str| {
        let exchange = with_key(key);
        let groups = Captures::new().group(Some("1".into())).group(Some("2".into()));
        set_captures(&exchange, groups.named("NM", "n".into()));
        assert_eq!(logged(&definitions, "$1$2|$cap|$1$2$3|$nm|$rest", &exchange), expected, "{key}");
    };
    check("zab", "12|<ab>|ab--|n|ab");
    check("y", "12|y|---|n|-");
    check("n", "12||12-|n|-");
}

#[tokio::test]
async fn named_values() {
    let definitions = Definitions::builder().name("a").name("B").name("a").build().unwrap();
    let exchange = request("/", &[]);
    assert_eq!(logged(&definitions, "$a|$b", &exchange), "-|-");
    set_named(&exchange, "A", "1".into());
    set_captures(&exchange, Captures::new().named("b", "2".into()));
    assert_eq!(logged(&definitions, "$a|$B", &exchange), "1|2");
    set_named(&exchange, "a", "".into());
    assert_eq!(logged(&definitions, "$a|$b", &exchange), "|2");
}

/// As in nginx: where it was set it is that, elsewhere the field.
#[tokio::test]
async fn a_name_of_a_family_that_is_set_somewhere() {
    let definitions = Definitions::builder().name("http_a").name("arg_k").build().unwrap();
    let exchange = with_key("own");
    assert_eq!(logged(&definitions, "$http_a|$arg_k", &exchange), "-|own");
    set_named(&exchange, "http_a", "set".into());
    set_named(&exchange, "arg_k", "".into());
    assert_eq!(logged(&definitions, "$http_a|$arg_k", &exchange), "set|");
}

#[tokio::test]
async fn values_of_names_that_come_late() {
    let definitions =
        Definitions::builder().name("a").map(Map::new("m", "$arg_k").value("x", "y")).build().unwrap();
    let exchange = with_key("x");
    let value = |name: &str| {
        definitions.value(name, &exchange).map(|value| String::from_utf8(value.to_vec()).unwrap())
    };
    set_named(&exchange, "a", "".into());
    assert_eq!(value("a").as_deref(), Some(""));
    assert_eq!(value("m").as_deref(), Some("y"));
    assert_eq!(value("arg_k").as_deref(), Some("x"));
    assert_eq!(value("request_method").as_deref(), Some("GET"));
    assert!(value("date_gmt").is_some_and(|date| date.ends_with(" GMT")));
    for none in ["http_none", "1", "nothing_of_that_name", "", "a}b", "${a}"] {
        assert_eq!(value(none), None, "{none}");
    }
}

#[tokio::test]
async fn a_map_is_looked_up_once_and_a_volatile_one_each_time() {
    let definitions = Definitions::builder()
        .map(Map::new("once", "$uri").default("$uri"))
        .map(Map::new("always", "$uri").default("$uri").volatile())
        .build()
        .unwrap();
    let exchange = request("/", &[]);
    set_uri(&exchange, "/1".into(), None);
    assert_eq!(logged(&definitions, "$once $always", &exchange), "/1 /1");
    set_uri(&exchange, "/2".into(), None);
    assert_eq!(logged(&definitions, "$once $always", &exchange), "/1 /2");
}

#[tokio::test]
async fn a_map_that_nobody_asks_for_is_not_looked_up() {
    let definitions = one(Map::new("m", "$uri").value("~(.)$", "x"));
    let exchange = request("/", &[]);
    set_uri(&exchange, "/1".into(), None);
    assert_eq!(logged(&definitions, "$1", &exchange), "-");
    assert_eq!(logged(&definitions, "$m$1", &exchange), "x1");
}

#[tokio::test]
async fn a_map_that_was_looked_up_captures_nothing_again() {
    let definitions = one(Map::new("m", "$uri").value("~(.)$", "x"));
    let exchange = request("/", &[]);
    set_uri(&exchange, "/1".into(), None);
    assert_eq!(logged(&definitions, "$m$1", &exchange), "x1");
    set_captures(&exchange, Captures::new().group(Some("later".into())));
    assert_eq!(logged(&definitions, "$m$1", &exchange), "xlater");
}

#[tokio::test]
async fn two_loads_remember_apart() {
    let old = one(Map::new("m", "$uri").default("old"));
    let new = one(Map::new("m", "$uri").default("new"));
    let exchange = request("/", &[]);
    assert_eq!(logged(&old, "$m", &exchange), "old");
    assert_eq!(logged(&new, "$m", &exchange), "new");
}

#[tokio::test]
async fn maps_may_need_one_another() {
    let definitions = Definitions::builder()
        .map(Map::new("outer", "$inner").value("i", "[$inner$leaf]"))
        .map(Map::new("inner", "$leaf").value("l", "i"))
        .map(Map::new("leaf", "$http_none").value("", "l"))
        .build()
        .unwrap();
    assert_eq!(logged(&definitions, "$outer", &request("/", &[])), "[il]");
}

#[tokio::test]
async fn a_definition_comes_before_a_family_of_names() {
    let definitions = one(Map::new("http_x", "").default("mine"));
    assert_eq!(logged(&definitions, "$http_x $http_y", &request("/", &[("x", "1"), ("y", "2")])), "mine 2");
}

#[tokio::test]
async fn the_recipe_for_upgrades() {
    let definitions =
        one(Map::new("$connection_upgrade", "$http_upgrade").default("upgrade").value("", "close"));
    assert_eq!(logged(&definitions, "$connection_upgrade", &request("/", &[])), "close");
    let exchange = request("/", &[("upgrade", "websocket")]);
    assert_eq!(logged(&definitions, "$connection_upgrade", &exchange), "upgrade");
}

#[tokio::test]
async fn networks_of_addresses() {
    let map = Map::geo("g", "$arg_k").default("d").value("10.0.0.0/8", "ten").value("10.1.0.0/16", "$arg_x");
    let definitions = one(map.value("255.255.255.255", "none").value("2001:db8::/32", "doc"));
    let check = |key: &str, expected: &str| {
        assert_eq!(logged(&definitions, "$g", &with_key(key)), expected, "{key}");
    };
    check("10.2.0.1", "ten");
    check("10.1.0.1", "X");
    check("11.0.0.1", "d");
    check("2001:db8::7", "doc");
    check("no address", "none");
    check("", "none");
}

#[tokio::test]
async fn proxies_speak_for_others() {
    let seen = |recursive: bool, forwarded: &[(&str, &str)]| {
        let map = Map::geo("g", "$arg_k").default("d").value("192.0.2.1", "a").value("192.0.2.2", "b");
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let definitions = one(map.value("10.0.0.1", "proxy").proxies(trusted, recursive));
        let exchange = request("/", forwarded);
        set_uri(&exchange, "/".into(), Some("k=10.0.0.1".into()));
        logged(&definitions, "$g", &exchange)
    };
    assert_eq!(seen(false, &[]), "proxy");
    assert_eq!(seen(false, &[("X-Forwarded-For", "192.0.2.1, 192.0.2.2")]), "b");
    assert_eq!(seen(false, &[("X-Forwarded-For", "192.0.2.1, 10.0.0.1")]), "proxy");
    assert_eq!(seen(true, &[("X-Forwarded-For", "192.0.2.1, 10.0.0.2")]), "a");
    assert_eq!(seen(true, &[("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-For", "10.0.0.3")]), "a");
    assert_eq!(seen(true, &[("X-Forwarded-For", "192.0.2.1, nobody")]), "proxy");
}

#[tokio::test]
async fn shares_of_keys() {
    let definitions = one(Map::split_clients("s", "$arg_k").value("50%", "one").value("*", "$arg_x"));
    // The hash of "a" is 0x92685f5e, that of "abc" 0x13577c9b.
    assert_eq!(logged(&definitions, "$s", &with_key("a")), "X");
    assert_eq!(logged(&definitions, "$s", &with_key("abc")), "one");
}

#[tokio::test]
async fn another_is_asked() {
    let values = KeyValues::new("zone");
    let map = Map::keyval("m", "$arg_k-", &values);
    let definitions =
        Definitions::builder().map(map).map(Map::new("n", "$m").value("A-", "it")).build().unwrap();
    let check = |key: &str, expected: &str| {
        assert_eq!(logged(&definitions, "$m$n", &with_key(key)), expected, "{key}");
    };
    check("a", "");
    let asked = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
    let count = asked.clone();
    values.fill(move |key| {
        count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        (key != b"none-").then(|| key.to_ascii_uppercase().into())
    });
    values.fill(|_| Some(Bytes::from_static(b"the first one stays")));
    check("a", "A-it");
    check("none", "");
    check("b$arg_x", "B$ARG_X-");
    assert_eq!(asked.load(std::sync::atomic::Ordering::Relaxed), 3, "once a request");
}

/// Where keys are addresses, proxies tell whom they speak for.
#[tokio::test]
async fn another_is_asked_for_the_client_behind_proxies() {
    let values = KeyValues::new("addresses");
    values.fill(|key| (key != b"192.0.2.9").then(|| Bytes::copy_from_slice(key)));
    let seen = |recursive: bool, key: &str, forwarded: &[(&str, &str)]| {
        let map = Map::keyval("m", "$arg_k", &values).default("nothing");
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let definitions = one(map.proxies(trusted, recursive));
        let exchange = request("/", forwarded);
        set_uri(&exchange, "/".into(), Some(format!("k={key}").into()));
        logged(&definitions, "$m", &exchange)
    };
    let two = [("X-Forwarded-For", "2001:DB8::1, 10.0.0.2")];
    assert_eq!(seen(false, "10.0.0.1", &two), "10.0.0.2");
    assert_eq!(seen(true, "10.0.0.1", &two), "2001:db8::1");
    assert_eq!(seen(true, "10.0.0.1", &[]), "10.0.0.1");
    assert_eq!(seen(true, "192.0.2.1", &two), "192.0.2.1");
    assert_eq!(seen(true, "2001:DB8::2", &two), "2001:DB8::2", "as it was written");
    assert_eq!(seen(true, "no address", &two), "no address");
    assert_eq!(seen(true, "10.0.0.1", &[("X-Forwarded-For", "192.0.2.9")]), "nothing");
}

/// What they are asked for is no part of what was written, but whom they ask is.
#[test]
fn who_is_asked_tells_definitions_apart() {
    let asks = |name: &str| one(Map::keyval("m", "$arg_k", &KeyValues::new(name)));
    assert_eq!(asks("a"), asks("a"));
    assert_ne!(asks("a"), asks("b"));
}
