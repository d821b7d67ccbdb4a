//! Templates: what is shared and not copied, what a log asks of them, what they need, when two are equal.

mod support;

use bytes::Bytes;
use propylon_exchange::{Keep, Place};
use propylon_vars::{Captures, Context, Definitions, Map, Template, set_captures, set_uri};
use support::{connection, placed, request};

#[expect(clippy::unwrap_used, reason = "a test's own text")]
fn template(text: &str) -> Template {
    Definitions::default().template(text, Context::Request).unwrap()
}

#[tokio::test]
async fn static_text_is_not_copied() {
    let template = template("no variables");
    let text = template.as_static().unwrap();
    assert_eq!(template.eval(&request("/", &[])).as_ptr(), text.as_ptr());
    assert_eq!(template.source(), "no variables");
}

#[tokio::test]
async fn a_single_variable_that_is_bytes_is_not_copied() {
    let (uri, args) = (Bytes::from("/path".to_owned()), Bytes::from("a=1&b=2".to_owned()));
    let host = Bytes::from("host".to_owned());
    let group = Bytes::from("group".to_owned());
    let place = Place { host: Some(host.clone()), ..Default::default() };
    let exchange = placed(place, connection(), "/target?a=1", &[]);
    set_uri(&exchange, uri.clone(), Some(args.clone()));
    set_captures(&exchange, Captures::new().group(Some(group.clone())));
    let check = |text: &str, shared: &[u8]| {
        let value = template(text).eval(&exchange);
        assert_eq!((value.as_ptr(), value.len()), (shared.as_ptr(), shared.len()), "{text}");
    };
    check("$uri", &uri);
    check("${args}", &args);
    check("$arg_b", &args[6..]);
    check("$host", &host);
    check("$1", &group);
    check("$request_uri", &exchange.head().unwrap().target);
}

#[tokio::test]
async fn a_map_that_chooses_a_text_does_not_copy_it() {
    let definitions = Definitions::builder().map(Map::new("m", "$uri").default("text")).build().unwrap();
    let template = definitions.template("$m", Context::Request).unwrap();
    let exchange = request("/", &[]);
    assert_eq!(template.eval(&exchange).as_ptr(), template.eval(&request("/", &[])).as_ptr());
    assert_eq!(template.eval(&exchange), "text");
}

#[tokio::test]
async fn evaluation_appends() {
    let mut out = b"> ".to_vec();
    template("$request_method $http_none.").eval_into(&request("/", &[]), &mut out);
    assert_eq!(out, b"> GET .");
}

#[tokio::test]
async fn values_are_escaped_and_text_and_what_is_missing_are_not() {
    let quotes = |value: &[u8], out: &mut Vec<u8>| {
        for byte in value {
            match byte {
                b'"' => out.extend_from_slice(b"\\x22"),
                other => out.push(*other),
            }
        }
    };
    let exchange = request("/\"", &[("x", "a\"b"), ("x", "\"")]);
    let mut out = Vec::new();
    let format = template("\"$http_x\" \"$request\" $status \"$http_none\"");
    format.write_with(&exchange, &mut out, b"\"-\"", quotes);
    let expected = r#""a\x22b, \x22" "GET /\x22 HTTP/1.1" 000 ""-"""#;
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn needs_follow_maps() {
    let definitions = Definitions::builder()
        .map(Map::new("outer", "$inner").default("$none"))
        .map(Map::new("inner", "").value("~x", "$sent_http_x"))
        .map(Map::new("none", "$host"))
        .map(Map::new("to", "$proxy_host"))
        .build()
        .unwrap();
    let check = |text: &str, expected: Keep| {
        assert_eq!(definitions.template(text, Context::Log).unwrap().needs(), expected, "{text}");
    };
    check("$host $none", Keep::default());
    check("$sent_http_etag", Keep::SENT_HEAD);
    check("$upstream_http_etag", Keep::UPSTREAM_HEAD);
    check("$upstream_cookie_a", Keep::UPSTREAM_HEAD);
    check("$upstream_trailer_a", Keep::UPSTREAM_HEAD);
    check("$proxy_port", Keep::PROXY);
    check("$to", Keep::PROXY);
    check("$inner", Keep::SENT_HEAD);
    check("$outer", Keep::SENT_HEAD);
    check("$outer$upstream_http_x", Keep::SENT_HEAD.and(Keep::UPSTREAM_HEAD));
}

#[test]
fn equality() {
    let load =
        |default: &str| Definitions::builder().map(Map::new("m", "").default(default)).build().unwrap();
    let (one, same, other) = (load("1"), load("1"), load("2"));
    let of = |definitions: &Definitions, text: &str| definitions.template(text, Context::Request).unwrap();
    assert_eq!(of(&one, "$host"), of(&other, "$host"));
    assert_ne!(of(&one, "$host"), of(&one, "$uri"));
    assert_eq!(of(&one, "$m"), of(&same, "$m"));
    assert_ne!(of(&one, "$m"), of(&other, "$m"));
    assert_eq!(one, same);
    assert_ne!(one, other);
    assert_ne!(Template::literal("$host"), of(&one, "$host"));
    assert_eq!(Template::literal("host"), of(&one, "host"));
}

#[tokio::test]
async fn a_literal_may_hold_a_dollar() {
    assert_eq!(Template::literal("$host").eval(&request("/", &[])), "$host");
}

#[test]
fn debug_shows_the_text() {
    assert_eq!(format!("{:?}", template("a$host")), r#"Template("a$host")"#);
}

#[test]
fn every_built_variable_can_be_named_and_no_other() {
    for entry in propylon_vars::describe() {
        let text = format!("${}", entry.name.replace("tlv_NAME", "tlv_alpn").replace("NAME", "x"));
        let compiled = Definitions::default().template(&text, Context::Log);
        assert_eq!(compiled.is_ok(), entry.built(), "{text}");
        assert!(!entry.summary.is_empty());
    }
}

#[test]
fn known_names_are_built_in_or_defined() {
    let definitions = Definitions::builder().map(Map::new("M", "")).name("Capture").build().unwrap();
    let names: Vec<_> = definitions.known_names().collect();
    for name in ["host", "http_NAME", "m", "capture"] {
        assert!(names.contains(&name), "{name}");
    }
    assert!(names.contains(&"ssl_protocol") && !names.contains(&"tcpinfo_rtt"));
}
