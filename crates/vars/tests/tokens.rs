//! What a request's token says, and who hears it.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::sync::Arc;

use bytes::Bytes;
use propylon_exchange::Exchange;
use propylon_vars::{
    Context, Definitions, Map, SecureLink, Token, TokenPart, set_place, set_secure_link, set_token,
    with_token,
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

/// A map has what the token said that it was asked of, and no other one.
#[tokio::test]
async fn maps_are_looked_up_anew_for_another_token() {
    let definitions = definitions();
    let exchange = request("/", &[]);
    let who = || logged(&definitions, "$who $jwt_payload", &exchange);
    assert_eq!(who(), "x -");
    set_token(&exchange, Some(says("a")));
    assert_eq!(who(), "a a");
    set_place(&exchange, None, None, None);
    assert_eq!(who(), "a a", "it stays so wherever the request goes");
    set_token(&exchange, Some(says("b")));
    assert_eq!(who(), "b b");
    set_token(&exchange, None);
    assert_eq!(who(), "x -");
}

/// Neither the token nor what was made of it: maps, and the groups of their patterns.
#[tokio::test]
async fn a_token_that_nobody_found_good_leaves_no_trace() {
    let definitions = definitions();
    let exchange = request("/", &[]);
    let all = || logged(&definitions, "$who $name $jwt_payload", &exchange);
    assert_eq!(with_token(&exchange, says("forged"), all), "forged forged forged");
    assert_eq!(all(), "x - -");
    set_token(&exchange, Some(says("good")));
    assert_eq!(all(), "good good good");
    assert_eq!(with_token(&exchange, says("forged"), all), "forged forged forged");
    assert_eq!(all(), "good good good");
}

/// Nor what a link was judged to be, which stays as it is elsewhere.
#[tokio::test]
async fn a_link_that_such_a_token_made_good_is_none_behind_it() {
    let definitions = definitions();
    let exchange = request("/", &[]);
    let template = |source: &str| definitions.template(source, Context::Request).unwrap();
    let md5_of_forged = "6naqHS7Osk3xyuBh_rVxiA";
    set_secure_link(&exchange, Arc::new(SecureLink::new(template(md5_of_forged), template("$jwt_payload"))));
    let link = || logged(&definitions, "$secure_link", &exchange);
    assert_eq!(with_token(&exchange, says("forged"), link), "1");
    assert_eq!(link(), "-");
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
