//! Which clients get which cookies.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test"
)]

use std::collections::HashSet;
use std::convert::Infallible;
use std::time::Duration;

use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use proptest::prelude::*;
use propylon_userid::{Expires, Id, Issuer, Rules, SameSite, UserIdLayer, Version, Visitor};
use tower::{Layer, ServiceExt, service_fn};

/// What nginx 1.22 gave to somebody, and what it said of it.
const OF_NGINX: (&str, &str) = ("fwAAAWsI5mKutga5AwMDAg==", "0100007F62E6086BB906B6AE02030303");

fn set(rules: &Rules, cookie: &str) -> Option<String> {
    let got = rules.got([cookie.as_bytes()]);
    let set = rules.set(got.as_ref(), false, || Id::new([1; 16]))?;
    let field = rules.field(&set, Duration::from_secs(1_000_000_000))?;
    Some(field.to_str().unwrap().to_owned())
}

#[test]
fn the_line_of_a_cookie() {
    let check = |rules: &Rules, expected: &str| assert_eq!(set(rules, "").as_deref(), Some(expected));
    let rules = Rules::new("uid");
    check(&rules, "uid=AQEBAQEBAQEBAQEBAQEBAQ==; path=/");
    check(&rules.clone().mark(b'x'), "uid=AQEBAQEBAQEBAQEBAQEBAQx=; path=/");
    let rules = rules.domain("a.example").path("/a").expires(Expires::After(Duration::from_secs(3600)));
    let date = "; expires=Sun, 09-Sep-01 02:46:40 GMT; domain=a.example; path=/a";
    check(&rules, &format!("uid=AQEBAQEBAQEBAQEBAQEBAQ=={date}"));
    let rules = rules.secure().http_only().same_site(SameSite::None);
    check(&rules, &format!("uid=AQEBAQEBAQEBAQEBAQEBAQ=={date}; secure; httponly; samesite=none"));
    let far = Rules::new("u").expires(Expires::After(Duration::from_secs(1_200_000_000)));
    check(&far, "u=AQEBAQEBAQEBAQEBAQEBAQ==; expires=Sun, 18-Sep-2039 23:06:40 GMT; path=/");
    check(
        &Rules::new("u").expires(Expires::Max),
        "u=AQEBAQEBAQEBAQEBAQEBAQ==; expires=Thu, 31-Dec-37 23:55:55 GMT; path=/",
    );
    assert_eq!(set(&Rules::new("u").domain("a\n"), ""), None, "it cannot stand in a field");
}

#[test]
fn what_a_client_has() {
    let rules = Rules::new("uid");
    let got =
        |lines: &[&str]| rules.got(lines.iter().map(|line| line.as_bytes())).map(|got| got.id().to_string());
    let (cookie, shown) = (OF_NGINX.0, OF_NGINX.1.to_owned());
    let found = Some(shown);
    assert_eq!(got(&[&format!("uid={cookie}")]), found);
    assert_eq!(got(&["a=b", &format!("x=y;  UID = {}==; c=d", &cookie[..22])]), found);
    assert_eq!(got(&[&format!("uid={}", &cookie[..22])]), found, "what follows does not count");
    assert_eq!(got(&[&format!("uid={}", &cookie[..21])]), None);
    assert_eq!(got(&[&format!("uidx={cookie}; xuid={cookie}")]), None);
    assert_eq!(got(&[&format!("uid=short; uid={cookie}")]), None, "the first one counts");
    assert_eq!(got(&["uid=****************************"]), None);
    assert_eq!(got(&["uid=AQEBAQEBAQEBAQEBAAAAAA=="]), None, "its last number is none");
    assert_eq!(got(&[]), None);
}

#[test]
fn who_gets_a_cookie() {
    let rules = Rules::new("uid");
    let (id, marked) = (&OF_NGINX.0[..22], rules.clone().mark(b'x'));
    assert_eq!(set(&rules, &format!("uid={id}==")), None);
    assert_eq!(set(&rules, &format!("uid={id}x=")), None);
    assert_eq!(set(&marked, &format!("uid={id}x=")), None);
    for other in ["==", "y=", "x", "", "xx"] {
        let expected = Some(format!("uid={id}x=; path=/"));
        assert_eq!(set(&marked, &format!("uid={id}{other}")), expected, "the same id: {other}");
    }
    let got = rules.got([format!("uid={id}==").as_bytes()]);
    let reset = rules.set(got.as_ref(), true, || Id::new([2; 16])).unwrap();
    assert_eq!(reset.id(), Id::new([2; 16]));
}

#[test]
fn nobody_has_a_new_id() {
    let issuer = Issuer::new(0x0102_0304);
    let mut ids = HashSet::new();
    for _ in 0..1000 {
        let two = issuer.clone().issue(Version::Two, [127, 0, 0, 1]).bytes();
        assert_eq!((&two[..4], &two[8..12], two[15]), (&[127, 0, 0, 1][..], &[1, 2, 3, 4][..], 2));
        let one = issuer.issue(Version::One, [5, 0, 0, 0]).bytes();
        assert_eq!((&one[..4], &one[8..12], one[12]), (&[5, 0, 0, 0][..], &[4, 3, 2, 1][..], 1));
        assert!(ids.insert(two) && ids.insert(one));
    }
    assert!(ids.iter().all(|id| Id::parse(id_text(*id).as_bytes()) == Some(Id::new(*id))));
}

fn id_text(bytes: [u8; 16]) -> String {
    let rules = Rules::new("");
    let set = rules.set(None, false, || Id::new(bytes)).unwrap();
    let field = rules.field(&set, Duration::ZERO).unwrap();
    field.to_str().unwrap()[1..].to_owned()
}

async fn answer(layer: &UserIdLayer, request: Request<()>) -> HeaderMap {
    let inner = service_fn(async |_: Request<()>| {
        let response = Response::builder().status(StatusCode::NOT_FOUND).header(SET_COOKIE, "own=1");
        Ok::<_, Infallible>(response.body(()).unwrap())
    });
    let response = layer.layer(inner).oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    response.headers().clone()
}

#[tokio::test]
async fn the_layer_adds_to_what_is_there() {
    let rules = Rules::new("uid").service(7).p3p(HeaderValue::from_static("CP=\"x\""));
    let layer = UserIdLayer::new(rules.clone(), Issuer::new(1)).local([1, 2, 3, 4]);
    let headers = answer(&layer, Request::new(())).await;
    let cookies: Vec<_> = headers.get_all(SET_COOKIE).iter().collect();
    assert_eq!((cookies.len(), cookies[0]), (2, &HeaderValue::from_static("own=1")));
    assert_eq!(headers["p3p"], "CP=\"x\"");
    let got = rules.got([cookies[1].as_bytes()]).unwrap();
    assert_eq!(&got.id().bytes()[..4], [0, 0, 0, 7]);

    let again = answer(&layer, Request::builder().header(COOKIE, cookies[1]).body(()).unwrap()).await;
    assert_eq!((again.get_all(SET_COOKIE).iter().count(), again.contains_key("p3p")), (1, false));

    let local = UserIdLayer::new(Rules::new("uid"), Issuer::new(1)).local([1, 2, 3, 4]);
    let headers = answer(&local, Request::new(())).await;
    let cookie = headers.get_all(SET_COOKIE).iter().nth(1).unwrap();
    assert_eq!(&rules.got([cookie.as_bytes()]).unwrap().id().bytes()[..4], [1, 2, 3, 4]);
}

/// What was found out before holds for the layer.
#[tokio::test]
async fn a_visitor_is_one_and_the_same() {
    let (rules, issuer, visitor) = (Rules::new("uid"), Issuer::new(1), Visitor::new());
    let cookie = format!("uid={}==", &OF_NGINX.0[..22]);
    let lines = || [cookie.as_bytes()];
    let told =
        visitor.set(&rules, &issuer, lines(), |got| got.id().to_string().starts_with("0100007F"), [9; 4]);
    let told = told.unwrap().id();
    assert_eq!(visitor.got(&rules, []).map(|got| got.id().to_string().len()), Some(32));
    let layer = UserIdLayer::new(rules.clone(), issuer);
    let request = Request::builder().header(COOKIE, &cookie).extension(visitor).body(()).unwrap();
    let headers = answer(&layer, request).await;
    let cookie = headers.get_all(SET_COOKIE).iter().nth(1).unwrap();
    assert_eq!(rules.got([cookie.as_bytes()]).unwrap().id(), told);
}

proptest! {
    #[test]
    fn whatever_stands_in_a_cookie(line in proptest::collection::vec(any::<u8>(), 0..80), tail in "[A-Za-z0-9+/=]{0,30}") {
        let rules = Rules::new("uid").mark(b'm');
        let line = [&b"uid="[..], &line, b";uid=", tail.as_bytes()].concat();
        if let Some(got) = rules.got([&line[..]]) {
            let set = rules.set(Some(&got), false, || Id::new([1; 16]));
            prop_assert!(set.is_none_or(|set| set.id() == got.id()));
        }
    }
}
