//! What a request's token says, and who hears it.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use propylon_exchange::Exchange;
use propylon_vars::{
    Definitions, Map, Token, TokenPart, set_place, set_token, set_token_reader, settle_token,
};
use support::{logged, request};

/// Says its name and what it is asked for.
struct Says(&'static str);

impl Token for Says {
    fn value(&self, part: TokenPart, path: &[Box<str>]) -> Option<Bytes> {
        Some(format!("{}:{part:?}:{}", self.0, path.join("/")).into()).filter(|_| path != [Box::from("none")])
    }

    fn payload(&self) -> Option<Bytes> {
        Some(Bytes::from_static(self.0.as_bytes()))
    }
}

fn says(name: &'static str) -> Arc<dyn Token> {
    Arc::new(Says(name))
}

fn definitions() -> Definitions {
    Definitions::builder()
        .token_value("Email", TokenPart::Claims, ["info", "e-mail"])
        .token_value("key", TokenPart::Header, ["kid"])
        .map(Map::new("who", "$jwt_claim_sub").default("x").value("~^(?<name>.*):Claims", "$name"))
        .build()
        .unwrap()
}

fn all(exchange: &Exchange) -> String {
    logged(
        &definitions(),
        "$jwt_claim_sub $jwt_header_alg $email $key $jwt_payload $jwt_claim_none",
        exchange,
    )
}

const NOTHING: &str = "- - - - - -";

#[tokio::test]
async fn values_by_their_names() {
    let exchange = request("/", &[]);
    assert_eq!(all(&exchange), NOTHING);
    set_token(&exchange, Some(says("a")));
    assert_eq!(all(&exchange), "a:Claims:sub a:Header:alg a:Claims:info/e-mail a:Header:kid a -");
    set_token(&exchange, None);
    assert_eq!(all(&exchange), NOTHING);
}

#[tokio::test]
async fn a_token_is_read_when_somebody_asks_and_once() {
    let exchange = request("/", &[]);
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    set_token_reader(
        &exchange,
        Arc::new(move |exchange| {
            counted.fetch_add(1, Ordering::Relaxed);
            assert_eq!(all(exchange), NOTHING, "while it is looked for it is not there");
            Some(says("read"))
        }),
    );
    assert_eq!(logged(&definitions(), "$request_method", &exchange), "GET");
    assert_eq!(count.load(Ordering::Relaxed), 0);
    for _ in 0..2 {
        assert_eq!(logged(&definitions(), "$jwt_payload", &exchange), "read");
    }
    assert_eq!(count.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn what_nobody_found_good_is_not_heard_any_more() {
    let definitions = definitions();
    let exchange = request("/", &[]);
    let reads = || set_token_reader(&exchange, Arc::new(|_| Some(says("read"))));
    let who = || logged(&definitions, "$who $jwt_payload", &exchange);
    reads();
    assert_eq!(who(), "read read");
    settle_token(&exchange);
    assert_eq!(who(), "x -", "a map has it no more either");
    reads();
    assert_eq!(logged(&definitions, "$jwt_payload", &exchange), "read", "another place has another reader");
    set_place(&exchange, None, None, None);
    assert_eq!(logged(&definitions, "$jwt_payload", &exchange), "-", "and a third one none");
    reads();
    set_token(&exchange, Some(says("good")));
    settle_token(&exchange);
    set_place(&exchange, None, None, None);
    assert_eq!(
        logged(&definitions, "$jwt_payload", &exchange),
        "good",
        "it stays so wherever the request goes"
    );
    reads();
    assert_eq!(logged(&definitions, "$jwt_payload", &exchange), "good");
    set_token(&exchange, None);
    assert_eq!(who(), "x -");
}

#[test]
fn names_that_are_taken() {
    let built = Definitions::builder()
        .token_value("host", TokenPart::Claims, ["a"])
        .token_value("who", TokenPart::Claims, ["a"])
        .token_value("twice", TokenPart::Claims, ["a"])
        .token_value("Twice", TokenPart::Header, ["a"])
        .map(Map::new("who", "$host").value("~(?<twice>a)", "b"))
        .name("twice")
        .build();
    let errors: Vec<_> = built.unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(
        errors,
        [
            "`$who` is defined twice",
            "`$twice` is defined twice",
            "`$host` is a built-in variable",
            "`$twice` is defined twice",
            "`$twice` is defined twice"
        ]
    );
}
