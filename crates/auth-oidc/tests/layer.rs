//! The whole flow with a provider that answers in memory: what is asked, what comes of it, and who is not let in.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test"
)]

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::sync::Mutex;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use propylon_auth_oidc::{AuthOidcLayer, Error, Kept, Provider, RelyingParty, Session};
use propylon_testkit::tokens::{Signer, set};
use tower::{Layer, Service, ServiceExt, service_fn};

/// A provider: what it says, and what it was asked.
#[derive(Clone)]
struct Id(Arc<Mutex<Says>>);

struct Says {
    signer: Arc<Signer>,
    keys: String,
    metadata: String,
    claims: String,
    userinfo: String,
    /// Whether it answers at all.
    down: bool,
    asked: Vec<Request<Bytes>>,
}

const ISSUER: &str = "https://id.test";

fn claims(beside: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    format!("{{\"iss\":\"{ISSUER}\",\"sub\":\"me\",\"aud\":\"us\",\"exp\":{},\"iat\":{now}{beside}", now + 60)
}

impl Id {
    fn new() -> Self {
        let signer = Arc::new(Signer::new("ES256"));
        let metadata = format!(
            r#"{{"issuer":"{ISSUER}","authorization_endpoint":"{ISSUER}/login","token_endpoint":"{ISSUER}/token","jwks_uri":"{ISSUER}/keys",
            "userinfo_endpoint":"{ISSUER}/userinfo","end_session_endpoint":"{ISSUER}/end"}}"#
        );
        let (keys, userinfo) =
            (set(&[signer.key("\"kid\":\"a\"")]), r#"{"sub":"me","email":"e"}"#.to_owned());
        let (claims, asked) = (claims(",\"sid\":\"s1\""), Vec::new());
        Self(Arc::new(Mutex::new(Says { signer, keys, metadata, claims, userinfo, down: false, asked })))
    }

    fn says(&self, change: impl FnOnce(&mut Says)) {
        change(&mut self.0.lock().unwrap());
    }

    fn asked(&self, path: &str) -> usize {
        self.0.lock().unwrap().asked.iter().filter(|asked| asked.uri().path() == path).count()
    }
}

impl Service<Request<Bytes>> for Id {
    type Response = Response<Bytes>;
    type Error = std::io::Error;
    type Future = Ready<Result<Response<Bytes>, std::io::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), std::io::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let mut says = self.0.lock().unwrap();
        if says.down {
            return ready(Err(std::io::Error::other("it is down")));
        }
        let answer = match request.uri().path() {
            "/keys" => says.keys.clone(),
            "/userinfo" => says.userinfo.clone(),
            // The code is the nonce.
            "/token" => {
                let body = String::from_utf8(request.body().to_vec()).unwrap();
                let code = body.split('&').find_map(|pair| pair.strip_prefix("code=")).unwrap().to_owned();
                let claims = format!("{},\"nonce\":\"{code}\"}}", says.claims);
                let token = says.signer.named("a", &claims);
                format!("{{\"access_token\":\"access\",\"token_type\":\"Bearer\",\"id_token\":\"{token}\"}}")
            }
            _ => says.metadata.clone(),
        };
        says.asked.push(request);
        ready(Ok(Response::new(answer.into())))
    }
}

/// A browser at the service.
struct Browser {
    party: RelyingParty<Id>,
    cookies: Vec<(String, String)>,
}

impl Browser {
    fn new(party: &RelyingParty<Id>) -> Self {
        Self { party: party.clone(), cookies: Vec::new() }
    }

    async fn get(&mut self, target: &str) -> Response<String> {
        let inside = service_fn(|request: Request<()>| {
            let session = request.extensions().get::<Arc<Session>>().unwrap();
            let text = ["sub", "email"].map(|name| session.claim(name).unwrap_or_default());
            ready(Ok::<_, Infallible>(Response::new(String::from_utf8(text.join(&b' ')).unwrap())))
        });
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = Request::get(target).header("host", "app.test").header("cookie", cookies.join("; "));
        let service = AuthOidcLayer::new(self.party.clone()).https().layer(inside);
        let response = service.oneshot(request.body(()).unwrap()).await.unwrap();
        for cookie in response.headers().get_all("set-cookie") {
            let (pair, how) = cookie.to_str().unwrap().split_once("; ").unwrap();
            assert!(how.ends_with("; HttpOnly; SameSite=Lax; Secure") && how.starts_with("Path=/"), "{how}");
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.retain(|(known, _)| known != name);
            if !how.contains("Max-Age=0") {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        response
    }

    /// Where it is sent to log in, as the arguments of the way back.
    async fn begin(&mut self, target: &str) -> String {
        let answer = self.get(target).await;
        assert_eq!(answer.status(), StatusCode::FOUND);
        assert_eq!(answer.headers()["cache-control"], "no-store");
        let to = to(&answer);
        let argument = |name: &str| to.split(['?', '&']).find_map(|pair| pair.strip_prefix(name)).unwrap();
        format!("state={}&code={}", argument("state="), argument("nonce="))
    }

    async fn log_in(&mut self, target: &str) -> Response<String> {
        let back = self.begin(target).await;
        self.get(&format!("/oidc_callback?{back}")).await
    }
}

fn to<B>(answer: &Response<B>) -> String {
    answer.headers()["location"].to_str().unwrap().to_owned()
}

fn why<B>(answer: &Response<B>) -> (u16, String) {
    (answer.status().as_u16(), answer.extensions().get::<Error>().unwrap().to_string())
}

fn provider() -> Provider {
    Provider::new(ISSUER, "us").client_secret("secret").logout_uri("/logout").frontchannel_logout_uri("/gone")
}

fn party(id: &Id, provider: Provider) -> RelyingParty<Id> {
    RelyingParty::new(provider, Kept::in_memory().unwrap(), id.clone())
}

#[tokio::test]
async fn who_logs_in_comes_back_to_where_it_was() {
    let id = Id::new();
    let party = party(&id, provider().userinfo(true));
    let mut browser = Browser::new(&party);
    let back = browser.log_in("/orders?open=1").await;
    assert_eq!((back.status(), &*to(&back)), (StatusCode::FOUND, "/orders?open=1"));
    let inside = browser.get("/orders?open=1").await;
    assert_eq!((inside.status(), &**inside.body()), (StatusCode::OK, "me e"));
    assert_eq!(browser.get("/another").await.body(), "me e");
    assert_eq!(Browser::new(&party).get("/").await.status(), StatusCode::FOUND, "others have to log in");
    Browser::new(&party).log_in("/").await;
    let counts =
        ["/.well-known/openid-configuration", "/keys", "/token", "/userinfo"].map(|path| id.asked(path));
    assert_eq!(counts, [1, 1, 2, 2]);
    id.says(|says| {
        let token = says.asked.iter().find(|asked| asked.uri().path() == "/token").unwrap();
        let body = std::str::from_utf8(token.body()).unwrap();
        assert!(body.contains("redirect_uri=https%3A%2F%2Fapp.test%2Foidc_callback"), "{body}");
        let userinfo = says.asked.iter().find(|asked| asked.uri().path() == "/userinfo").unwrap();
        assert_eq!(userinfo.headers()["authorization"], "Bearer access");
    });
}

#[tokio::test]
async fn several_tabs_log_in_at_once_and_each_login_ends_once() {
    let id = Id::new();
    let party = party(&id, provider());
    let mut browser = Browser::new(&party);
    let (one, other) = (browser.begin("/one").await, browser.begin("/other").await);
    let callback = |back: &str| format!("/oidc_callback?{back}");
    assert_eq!(to(&browser.get(&callback(&other)).await), "/other");
    assert_eq!(to(&browser.get(&callback(&one)).await), "/one");
    let again = browser.get(&callback(&one)).await;
    assert_eq!(why(&again), (400, "login failed: `state` has already been used".to_owned()));
    assert_eq!(id.asked("/token"), 2);
}

#[tokio::test]
async fn what_comes_back_is_of_a_login_of_this_browser() {
    let id = Id::new();
    let party = party(&id, provider());
    let (mut browser, mut other) = (Browser::new(&party), Browser::new(&party));
    let theirs = other.begin("/").await;
    let ours = browser.begin("/").await;
    for back in [
        &theirs,
        &ours.replace("state=", "state=A"),
        &format!("{ours}&{ours}"),
        "code=a",
        "state=&code=a",
        "",
    ] {
        let answer = browser.get(&format!("/oidc_callback?{back}")).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{back}");
    }
    let answer = Browser::new(&party).get(&format!("/oidc_callback?{ours}")).await;
    assert_eq!(why(&answer), (400, "login failed: the browser sent no login cookie".to_owned()));
    assert_eq!(id.asked("/token"), 0, "nobody has asked for anything");
    let state = ours.split('&').next().unwrap();
    let denied =
        browser.get(&format!("/oidc_callback?{state}&error=access_denied&error_description=n%0Ao")).await;
    assert_eq!(why(&denied), (403, "the provider returned the error \"access_denied\": n\\no".to_owned()));
    let busy = browser.begin("/").await;
    let state = busy.split('&').next().unwrap();
    let busy = browser.get(&format!("/oidc_callback?{state}&error=temporarily_unavailable")).await;
    assert_eq!(why(&busy), (502, "the provider returned the error \"temporarily_unavailable\"".to_owned()));
    assert_eq!(browser.get("/").await.status(), StatusCode::FOUND);
}

#[tokio::test]
async fn tokens_that_are_no_good_let_nobody_in() {
    let id = Id::new();
    let party = party(&id, provider());
    let good = claims("");
    for (bad, said) in [
        (good.replace("\"us\"", "\"them\""), "`aud` does not name this client"),
        (good.replace(ISSUER, "https://other.test"), "`iss` names another provider"),
        (good.replace("\"exp\"", "\"exp\":1,\"x\""), "the JSON Web Token has expired"),
        (good + ",\"at_hash\":\"AAAA\"", "`at_hash` does not match the access token"),
    ] {
        id.says(|says| says.claims = bad);
        let mut browser = Browser::new(&party);
        let answer = browser.log_in("/").await;
        assert_eq!(why(&answer), (403, format!("invalid ID token: {said}")));
        assert_eq!(browser.get("/").await.status(), StatusCode::FOUND, "{said}");
    }
    id.says(|says| says.claims = claims(""));
    let mut browser = Browser::new(&party);
    let back = browser.begin("/").await.replace("code=", "code=x");
    let answer = browser.get(&format!("/oidc_callback?{back}")).await;
    assert_eq!(why(&answer).1, "invalid ID token: `nonce` does not match the login");
}

#[tokio::test]
async fn keys_change_and_are_asked_for_again() {
    let id = Id::new();
    let party = party(&id, provider());
    assert_eq!(Browser::new(&party).log_in("/").await.status(), StatusCode::FOUND);
    let new = Arc::new(Signer::new("ES256"));
    id.says(|says| says.signer = new.clone());
    let refused = Browser::new(&party).log_in("/").await;
    assert!(
        why(&refused).1.ends_with("the signature of the JSON Web Token is invalid"),
        "{:?}",
        why(&refused)
    );
    id.says(|says| says.keys = set(&[new.key("\"kid\":\"a\"")]));
    assert_eq!(Browser::new(&party).log_in("/").await.headers()["location"], "/");
    assert_eq!(id.asked("/keys"), 3);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_is_down_lets_nobody_in_and_hinders_nobody_who_is() {
    let id = Id::new();
    id.says(|says| says.down = true);
    let party = party(&id, provider());
    let mut browser = Browser::new(&party);
    let answer = browser.get("/").await;
    assert_eq!(why(&answer), (502, "cannot fetch the provider's metadata: it is down".to_owned()));
    id.says(|says| says.down = false);
    tokio::time::advance(Duration::from_secs(1)).await;
    let back = browser.begin("/").await;
    id.says(|says| says.down = true);
    let answer = browser.get(&format!("/oidc_callback?{back}")).await;
    assert_eq!(why(&answer), (502, "cannot fetch the response of the token endpoint: it is down".to_owned()));
    id.says(|says| says.down = false);
    assert_eq!(browser.log_in("/").await.status(), StatusCode::FOUND);
    id.says(|says| says.down = true);
    tokio::time::advance(Duration::from_secs(7200)).await;
    assert_eq!(browser.get("/").await.status(), StatusCode::OK);
    let login = Browser::new(&party).get("/").await;
    assert!(to(&login).starts_with("https://id.test/login?"), "what was known of it still is");
    id.says(|says| (says.down, says.metadata) = (false, "{}".to_owned()));
    let other = self::party(&id, provider());
    assert_eq!(
        why(&Browser::new(&other).get("/").await),
        (502, "the provider's metadata has no `issuer`".to_owned())
    );
}

#[tokio::test(start_paused = true)]
async fn sessions_end() {
    let id = Id::new();
    let party = party(&id, provider().session_timeout(Duration::from_secs(60)));
    let mut browser = Browser::new(&party);
    browser.log_in("/").await;
    tokio::time::advance(Duration::from_secs(59)).await;
    assert_eq!(browser.get("/").await.status(), StatusCode::OK);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(browser.get("/").await.status(), StatusCode::FOUND);
}

#[tokio::test]
async fn users_leave_and_the_provider_hears_of_it() {
    let id = Id::new();
    let leave = async |provider: Provider| {
        let party = party(&id, provider);
        let mut browser = Browser::new(&party);
        browser.log_in("/").await;
        let stale = Browser { party: party.clone(), cookies: browser.cookies.clone() };
        let answer = browser.get("/logout").await;
        assert!(!browser.cookies.iter().any(|(name, _)| name == "NGX_OIDC_SESSION"));
        for mut browser in [browser, stale] {
            assert_eq!(browser.get("/").await.status(), StatusCode::FOUND);
        }
        answer
    };
    assert_eq!(to(&leave(provider()).await), "https://id.test/end?client_id=us");
    let hint = provider().post_logout_uri("/bye").logout_token_hint(true);
    let url = to(&leave(hint).await);
    let begin = "https://id.test/end?client_id=us&post_logout_redirect_uri=https%3A%2F%2Fapp.test%2Fbye&id_token_hint=ey";
    assert!(url.starts_with(begin), "{url}");
    id.says(|says| says.metadata = says.metadata.replace("end_session_endpoint", "x"));
    assert_eq!(to(&leave(provider().post_logout_uri("https://other.test/")).await), "https://other.test/");
    let page = leave(provider()).await;
    assert!(page.status() == StatusCode::OK && page.body().contains("You are logged out."));
}

#[tokio::test]
async fn the_provider_ends_sessions() {
    let id = Id::new();
    let party = party(&id, provider());
    let (mut one, mut other) = (Browser::new(&party), Browser::new(&party));
    one.log_in("/").await;
    id.says(|says| says.claims = says.claims.replace("s1", "s2"));
    other.log_in("/").await;
    let mut anybody = Browser::new(&party);
    for bad in ["iss=https://id.test", "sid=s1", "iss=https://other.test&sid=s1", "iss=&sid=s1"] {
        let answer = anybody.get(&format!("/gone?{bad}")).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{bad}");
    }
    assert_eq!(one.get("/").await.status(), StatusCode::OK);
    let gone = anybody.get("/gone?iss=https%3A%2F%2Fid.test&sid=s1").await;
    assert_eq!(
        (gone.status(), &gone.headers()["cache-control"]),
        (StatusCode::OK, &"no-store".parse().unwrap())
    );
    assert_eq!(one.get("/").await.status(), StatusCode::FOUND);
    assert_eq!(other.get("/").await.status(), StatusCode::OK);
    assert_eq!(other.get("/gone").await.status(), StatusCode::OK);
    assert_eq!(other.get("/").await.status(), StatusCode::FOUND);
}

#[tokio::test]
async fn sessions_and_logins_outlive_other_settings_but_not_another_client() {
    let id = Id::new();
    let kept = Kept::in_memory().unwrap();
    let party = |provider: Provider| RelyingParty::new(provider, kept.clone(), id.clone());
    let mut browser = Browser::new(&party(provider()));
    browser.log_in("/").await;
    let under_way = Browser::new(&party(provider()));
    let mut under_way = under_way;
    let back = under_way.begin("/here").await;
    for browser in [&mut browser, &mut under_way] {
        browser.party = party(provider().scope("email").session_timeout(Duration::from_secs(60)));
    }
    assert_eq!(browser.get("/").await.status(), StatusCode::OK);
    assert_eq!(to(&under_way.get(&format!("/oidc_callback?{back}")).await), "/here");
    browser.party = party(Provider::new(ISSUER, "them"));
    assert_eq!(browser.get("/").await.status(), StatusCode::FOUND);
}

#[tokio::test]
async fn who_names_itself_has_to() {
    let id = Id::new();
    let party = party(&id, provider());
    let mut browser = Browser::new(&party);
    let back = browser.begin("/").await;
    let mixed = browser.get(&format!("/oidc_callback?{back}&iss=https%3A%2F%2Fevil.test")).await;
    assert_eq!(why(&mixed), (400, "login failed: `iss` names another provider".to_owned()));
    id.says(|says| {
        says.metadata =
            says.metadata.replacen('{', "{\"authorization_response_iss_parameter_supported\":true,", 1);
    });
    let party = self::party(&id, provider());
    let mut browser = Browser::new(&party);
    assert_eq!(browser.log_in("/").await.status(), StatusCode::BAD_REQUEST);
    let back = browser.begin("/").await;
    let named = browser.get(&format!("/oidc_callback?{back}&iss=https%3A%2F%2Fid.test")).await;
    assert_eq!(named.status(), StatusCode::FOUND);
}
