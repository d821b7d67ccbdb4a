//! The layer: who comes in, and what the others get.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test")]

use std::convert::Infallible;
use std::fs;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use propylon_auth_jwt::{AuthJwtLayer, KeyFile, KeySet, Refused, Token};
use propylon_testkit::tokens::{Signer, set};
use tower::{Layer, ServiceExt, service_fn};

type Got = (u16, String, String);

async fn ask(layer: &AuthJwtLayer, field: &str, value: &str) -> Got {
    let service = layer.layer(service_fn(|request: Request<()>| async move {
        let subject = request.extensions().get::<Arc<Token>>().and_then(|token| token.claim(&["sub"]));
        Ok::<_, Infallible>(Response::new(String::from_utf8_lossy(&subject.unwrap_or_default()).into_owned()))
    }));
    let request = Request::builder().header(field, value).body(()).unwrap();
    let response = service.oneshot(request).await.unwrap();
    let told = response.headers().get("www-authenticate").map(|value| value.to_str().unwrap().to_owned());
    assert_eq!(response.extensions().get::<Refused>().is_some(), response.status() == 401, "why");
    (response.status().as_u16(), told.unwrap_or_default(), response.into_body())
}

async fn bear(layer: &AuthJwtLayer, token: &str) -> Got {
    ask(layer, "authorization", &format!("Bearer {token}")).await
}

fn expect(status: u16, told: &str, body: &str) -> Got {
    (status, told.to_owned(), body.to_owned())
}

fn keys(signer: &Signer) -> KeySet {
    KeySet::parse(signer.key("").as_bytes()).unwrap()
}

const HS: &str = "{\"alg\":\"HS256\"}";
const MISSING: &str = "Bearer realm=\"r\"";
const INVALID: &str = "Bearer realm=\"r\", error=\"invalid_token\"";

#[tokio::test]
async fn who_has_a_token_comes_in() {
    let signer = Signer::secret("HS256", b"secret");
    let layer = AuthJwtLayer::new("r", keys(&signer));
    let token = signer.token(HS, "{\"sub\":\"me\"}");
    assert_eq!(bear(&layer, &token).await, expect(200, "", "me"));
    assert_eq!(ask(&layer, "x-token", &token).await, expect(401, MISSING, ""));
    assert_eq!(ask(&layer, "authorization", "Basic YTpi").await, expect(401, MISSING, ""));
    assert_eq!(bear(&layer, "").await, expect(401, MISSING, ""));
    assert_eq!(bear(&layer, "a.b.c").await, expect(401, INVALID, ""));
    assert_eq!(
        bear(&layer, &Signer::secret("HS256", b"other").token(HS, "{}")).await,
        expect(401, INVALID, "")
    );
    let layer = layer.token(|parts| Some(Bytes::copy_from_slice(parts.headers.get("x-token")?.as_bytes())));
    assert_eq!(ask(&layer, "x-token", &token).await, expect(200, "", "me"));
    assert_eq!(bear(&layer, &token).await, expect(401, MISSING, ""));
}

#[tokio::test]
async fn clocks_may_differ() {
    let signer = Signer::secret("HS256", b"secret");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let strict = AuthJwtLayer::new("r", keys(&signer));
    let lenient = strict.clone().leeway(Duration::from_secs(3600));
    for (claims, of_strict, of_lenient) in [
        (format!("{{\"exp\":{}}}", now + 1800), 200, 200),
        (format!("{{\"exp\":{}}}", now - 1800), 401, 200),
        (format!("{{\"exp\":{}}}", now - 5400), 401, 401),
        (format!("{{\"nbf\":{}}}", now + 1800), 401, 200),
        (format!("{{\"nbf\":{}}}", now + 5400), 401, 401),
    ] {
        let token = signer.token(HS, &claims);
        assert_eq!(bear(&strict, &token).await.0, of_strict, "{claims}");
        assert_eq!(bear(&lenient, &token).await.0, of_lenient, "{claims}");
    }
}

#[tokio::test]
async fn more_can_be_required() {
    let signer = Signer::secret("HS256", b"secret");
    let layer = AuthJwtLayer::new("r", keys(&signer))
        .require(|token, _| token.claim(&["aud"]).is_some(), StatusCode::UNAUTHORIZED)
        .require(|token, _| token.claim(&["role"]).as_deref() == Some(b"admin"), StatusCode::FORBIDDEN);
    for (claims, status) in [("{\"aud\":1,\"role\":\"admin\"}", 200), ("{\"aud\":1}", 403)] {
        let (found, told, _) = bear(&layer, &signer.token(HS, claims)).await;
        assert_eq!((found, &*told), (status, ""), "{claims}");
    }
    let service = layer.layer(service_fn(|_: Request<()>| async { Ok::<_, Infallible>(Response::new(())) }));
    let token = format!("Bearer {}", signer.token(HS, "{\"role\":\"admin\"}"));
    let request = Request::builder().header("authorization", token).body(()).unwrap();
    let response = service.oneshot(request).await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["www-authenticate"]),
        (401, &INVALID.parse().unwrap())
    );
}

#[tokio::test]
async fn closures_may_capture() {
    let signer = Signer::secret("HS256", b"secret");
    let (field, issuer) = (http::HeaderName::from_static("x-token"), "me".to_owned());
    let layer = AuthJwtLayer::new("r", keys(&signer))
        .token(move |parts| Some(Bytes::copy_from_slice(parts.headers.get(&field)?.as_bytes())))
        .require(
            move |token, _| token.claim(&["iss"]).as_deref() == Some(issuer.as_bytes()),
            StatusCode::FORBIDDEN,
        );
    for (claims, status) in [("{\"iss\":\"me\"}", 200), ("{\"iss\":\"you\"}", 403)] {
        assert_eq!(ask(&layer, "x-token", &signer.token(HS, claims)).await.0, status, "{claims}");
    }
}

#[tokio::test]
async fn a_file_is_read_again_when_it_has_changed() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("keys.json");
    let (first, second) = (Signer::secret("HS256", b"first"), Signer::secret("HS256", b"the second"));
    let layer = AuthJwtLayer::new("r", KeyFile::new(&file)).or(keys(&Signer::new("ES256")));
    let (of_first, of_second) = (first.token(HS, "{}"), second.token(HS, "{}"));
    assert_eq!(bear(&layer, &of_first).await.0, 500, "there is none");
    fs::write(&file, set(&[first.key("")])).unwrap();
    assert_eq!(bear(&layer, &of_first).await.0, 200);
    assert_eq!(bear(&layer, &of_second).await.0, 401);
    fs::write(&file, set(&[second.key("")])).unwrap();
    assert_eq!(bear(&layer, &of_first).await.0, 401);
    assert_eq!(bear(&layer, &of_second).await.0, 200);
    fs::write(&file, "{").unwrap();
    assert_eq!(bear(&layer, &of_second).await.0, 500, "the old keys may not be good any more");
    let error = KeyFile::new(&file).keys().unwrap_err().to_string();
    assert!(error.starts_with(&format!("\"{}\": invalid JSON Web Key Set: ", file.display())), "{error}");
    assert!(KeyFile::new(dir.path()).keys().is_err(), "a directory");
}
