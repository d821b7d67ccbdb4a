//! Where keys are.

use std::fs;
use std::process::Command;

use propylon_testkit::tokens::{Signer, set};
use propylon_tests::{Origin, binary, lossy};

use crate::support::{EMAIL, bear, gateway, get};

#[test]
fn keys_that_change_and_keys_that_are_missing() {
    let (first, second) = (Signer::secret("HS256", b"first"), Signer::secret("HS256", b"the second"));
    let origin = Origin::echo();
    let (gateway, at) = gateway(&set(&[first.key("")]), EMAIL, "", &origin);
    let [of_first, of_second] = [&first, &second].map(|signer| signer.token("{\"alg\":\"HS256\"}", "{}"));
    let statuses = || [&of_first, &of_second].map(|token| bear(at, "/", token).status);
    assert_eq!(statuses(), [200, 401]);
    fs::write(gateway.path("keys.json"), set(&[first.key(""), second.key("")])).unwrap();
    assert_eq!(statuses(), [200, 200]);
    fs::write(gateway.path("keys.json"), set(&[second.key("")])).unwrap();
    assert_eq!(statuses(), [401, 200]);
    fs::write(gateway.path("keys.json"), "{\"keys\":").unwrap();
    assert_eq!(statuses(), [500, 500]);
    fs::remove_file(gateway.path("keys.json")).unwrap();
    assert_eq!(statuses(), [500, 500]);
    assert_eq!(get(at, "/", "").status, 401, "nobody looks for keys");
    gateway.tells("keys.json\" failed (");
}

/// Keys that another location answers with.
#[test]
fn keys_are_asked_for() {
    let (first, second) = (Signer::secret("HS256", b"first"), Signer::secret("HS256", b"the second"));
    let origin = Origin::echo();
    let server = format!(
        r#"
[[server.location]]
match = "/asked"
auth_jwt = {{ key_file = [], key_request = ["/jwks/set?of=all"] }}
proxy_pass = "http://{0}"
[[server.location]]
match = "/kept"
auth_jwt = {{ key_file = [], key_request = ["/jwks/set"], key_cache = "1h" }}
proxy_pass = "http://{0}"
[[server.location]]
match = "/both"
auth_jwt.key_request = ["/jwks/set"]
proxy_pass = "http://{0}"
[[server.location]]
match = "/missing"
auth_jwt.key_request = ["/jwks/none"]
proxy_pass = "http://{0}"
[[server.location]]
match = "/named"
auth_jwt.key_file = ["@DIR@/$jwt_claim_iss.json"]
proxy_pass = "http://{0}"
[[server.location]]
match = "/jwks/"
internal = true
root = "@DIR@"
"#,
        origin.address()
    );
    let (gateway, at) = gateway(&first.key(""), EMAIL, &server, &origin);
    fs::create_dir(gateway.path("jwks")).unwrap();
    fs::write(gateway.path("jwks/set"), second.key("")).unwrap();
    let [of_first, of_second] = [&first, &second].map(|signer| signer.token("{\"alg\":\"HS256\"}", "{}"));
    let statuses = |path: &str| [&of_first, &of_second].map(|token| bear(at, path, token).status);
    assert_eq!(statuses("/asked"), [401, 200]);
    assert_eq!(statuses("/kept"), [401, 200]);
    assert_eq!(statuses("/both"), [200, 200]);
    assert_eq!(statuses("/missing"), [500, 500]);
    gateway.tells("auth_jwt: invalid response from \"/jwks/none\": unexpected status 404");
    let conditional =
        format!("Authorization: Bearer {of_second}\r\nRange: bytes=0-1\r\nIf-None-Match: *\r\n");
    assert_eq!(get(at, "/asked", &conditional).status, 200, "what is said of the thing is not said of keys");
    assert_eq!(bear(at, "/jwks/set", &of_first).status, 404, "it is internal");
    fs::write(gateway.path("jwks/set"), first.key("")).unwrap();
    assert_eq!(statuses("/asked"), [200, 401]);
    assert_eq!(statuses("/kept"), [401, 200], "nobody asks");
    fs::write(gateway.path("jwks/set"), "no keys").unwrap();
    assert_eq!(statuses("/asked"), [500, 500]);
    gateway.tells("auth_jwt: invalid response from \"/jwks/set\": invalid JSON Web Key Set");
    fs::write(gateway.path("ours.json"), second.key("")).unwrap();
    let named = |iss: &str| second.token("{\"alg\":\"HS256\"}", &format!("{{\"iss\":\"{iss}\"}}"));
    assert_eq!(bear(at, "/named", &named("ours")).status, 200);
    assert_eq!(bear(at, "/named", &named("keys")).status, 401);
    assert_eq!(bear(at, "/named", &named("none")).status, 500);
    // The name is the token's, which nobody has found good.
    fs::write(gateway.path("jwks/theirs.json"), second.key("")).unwrap();
    assert_eq!(bear(at, "/named", &named("jwks/theirs")).status, 200);
    assert_eq!(bear(at, "/named", &named("jwks/../jwks/theirs")).status, 500);
    gateway.tells("jwks/../jwks/theirs.json\" contains \"..\"");
}

#[test]
fn who_is_asked_for_keys_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.toml");
    let text = "[[server]]\nauth_jwt = { realm = \"r\", key_request = [\"/jwks\"] }\n\
        [[server.location]]\nmatch = \"/\"\nempty_gif = true\n\
        [[server.location]]\nmatch = \"= /open\"\nauth_jwt.realm = \"off\"\nempty_gif = true\n";
    fs::write(&path, text).unwrap();
    let explain = |url: &str| {
        let output =
            Command::new(binary()).args(["explain", "--config"]).arg(&path).args(["GET", url]).output();
        lossy(&output.unwrap().stdout)
    };
    let told = explain("/x");
    assert!(told.contains("keys from /jwks, line 2: location /, line 4"), "{told}");
    assert!(!explain("/open").contains("keys from"), "{}", explain("/open"));
}
