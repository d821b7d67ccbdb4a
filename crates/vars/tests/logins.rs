//! Who has logged in, and what is heard of it.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::sync::Arc;

use bytes::Bytes;
use propylon_exchange::Exchange;
use propylon_vars::{Definitions, Login, LoginPart, Map, lend, set_login};
use support::{logged, request};

struct Says(&'static str);

impl Login for Says {
    fn claim(&self, name: &str) -> Option<Bytes> {
        Some(format!("{}:{name}", self.0).into()).filter(|_| name != "none")
    }

    fn part(&self, part: LoginPart) -> Option<Bytes> {
        Some(format!("{}:{part:?}", self.0).into()).filter(|_| part != LoginPart::Userinfo)
    }
}

fn definitions() -> Definitions {
    let who = Map::new("who", "$oidc_claim_sub").default("x").value("a:sub", "A").value("b:sub", "B");
    Definitions::builder().map(who).build().unwrap()
}

fn all(definitions: &Definitions, exchange: &Exchange) -> String {
    let names = "$oidc_claim_sub $oidc_claim_none $oidc_id_token $oidc_access_token $oidc_userinfo $who";
    logged(definitions, names, exchange)
}

#[tokio::test]
async fn values_are_of_the_session_that_the_request_is_of() {
    let (definitions, exchange) = (definitions(), request("/", &[]));
    assert_eq!(all(&definitions, &exchange), "- - - - - x");
    set_login(&exchange, Some(Arc::new(Says("a"))));
    assert_eq!(all(&definitions, &exchange), "a:sub - a:IdToken a:AccessToken - A");
    let beside = request("/", &[]);
    lend(&exchange, &beside);
    assert_eq!(all(&definitions, &beside), "a:sub - a:IdToken a:AccessToken - A");
    set_login(&exchange, Some(Arc::new(Says("b"))));
    assert_eq!(all(&definitions, &exchange), "b:sub - b:IdToken b:AccessToken - B");
    set_login(&exchange, None);
    assert_eq!(all(&definitions, &exchange), "- - - - - x");
}
