//! Beside other features: who decides together with tokens, and what others hear of them.

use std::fs;

use propylon_testkit::tokens::Signer;
use propylon_tests::{LIMIT, Origin, until};

use crate::support::{EMAIL, bear, gateway, get};

/// Whoever decides before, beside or after the check, and whatever is sent or written then, hears nothing of a token that was not found good.
#[test]
fn nobody_hears_of_a_token_that_is_not_good() {
    let signer = Signer::secret("HS256", b"secret");
    let origin = Origin::echo();
    let tables = "[map.who]\nkey = \"$jwt_claim_sub\"\nvalues = { root = \"root\" }\n\
                  [limit_zone.one]\nkey = \"$jwt_claim_sub\"\nrate = \"1r/m\"\n"
        .to_owned()
        + EMAIL;
    let server = format!(
        r#"
[[server.location]]
match = "/step"
rewrite = [{{ if = "$who", then = [{{ return = [200, "$who"] }}] }}]
empty_gif = true
[[server.location]]
match = "/moved"
rewrite = [{{ if = "$who", then = [{{ return = [500] }}] }}, ["^", "/open", "last"]]
empty_gif = true
[[server.location]]
match = "/open"
auth_jwt.realm = "off"
headers.set = {{ X-Who = "$who" }}
proxy_pass = "http://{0}"
[[server.location]]
match = "/asked"
access = {{ satisfy = "any", rules = ["deny all"] }}
auth_request.uri = "/auth"
proxy_pass = "http://{0}"
[[server.location]]
match = "= /auth"
rewrite = [{{ if = "$who", then = [{{ return = [204] }}] }}]
return = [403]
[[server.location]]
match = "/strict"
access = {{ satisfy = "any", rules = ["deny all"] }}
auth_jwt.require = [{{ values = ["$jwt_claim_iss"] }}]
auth_request.uri = "/yes"
proxy_pass = "http://{0}"
[[server.location]]
match = "= /yes"
return = [204]
[[server.location]]
match = "/limited"
limit = {{ requests = [{{ zone = "one" }}] }}
empty_gif = true
[[server.location]]
match = "/keys"
auth_jwt = {{ key_file = [], key_request = ["/jwks"] }}
empty_gif = true
[[server.location]]
match = "= /jwks"
proxy_pass = "http://{0}"
"#,
        origin.address()
    );
    let (gateway, at) = gateway(&signer.key(""), &tables, &server, &origin);
    let (alg, root) = ("{\"alg\":\"HS256\"}", "{\"sub\":\"root\"}");
    let forged = Signer::secret("HS256", b"other").token(alg, root);
    let good = signer.token(alg, root);
    for (path, token, status) in [
        ("/step", &forged, 401),
        ("/moved", &forged, 200),
        ("/asked", &forged, 401),
        ("/asked", &good, 200),
        ("/strict", &good, 200), // the other location lets it in, not the token
        ("/limited", &forged, 401),
        ("/limited", &forged, 401), // it takes nobody's place
        ("/limited", &good, 200),
        ("/limited", &good, 503),
        ("/keys", &forged, 500),
    ] {
        let answer = bear(at, path, token);
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        if matches!(path, "/moved" | "/strict") {
            assert!(!answer.text().contains("root"), "{path}: {}", answer.text());
        }
    }
    let heard: Vec<_> = origin.take().iter().map(|seen| seen.head.field("x-sub").is_some()).collect();
    assert_eq!(heard, [false, true, false, false], "/moved, /asked, /strict, and who has the keys");
    let log = until("all lines", LIMIT, || {
        let log = fs::read_to_string(gateway.path("access.log")).unwrap();
        Some(log).filter(|log| log.lines().count() == 10)
    });
    let subjects: Vec<_> = log.lines().filter(|line| line.ends_with(" root")).collect();
    assert_eq!(subjects, ["/asked 200 root", "/limited 200 root", "/limited 503 root"]);
}

/// Any of address, password, token and another location is enough; the last word is a 401 if any of them says so.
#[test]
fn satisfy_any() {
    let signer = Signer::secret("HS256", b"secret");
    let origin = Origin::echo();
    let location = |path: &str, keys: &str| {
        format!(
            "[[server.location]]\nmatch = \"{path}\"\nproxy_pass = \"http://{}\"\naccess.satisfy = \"any\"\n{keys}\n",
            origin.address()
        )
    };
    let server = location("/here", "access.rules = [\"allow 127.0.0.1\", \"deny all\"]")
        + &location("/there", "access.rules = [\"deny all\"]")
        + &location(
            "/word",
            "access.rules = [\"deny all\"]\naccess.basic = { realm = \"r\", users = \"@DIR@/users\" }",
        )
        + &location("/asked", "access.rules = [\"deny all\"]\nauth_request.uri = \"/auth\"")
        + &location(
            "/strict",
            "access.rules = [\"deny all\"]\nauth_jwt.require = [{ values = [\"$jwt_claim_x\"], error = 403 }]",
        )
        + "[[server.location]]\nmatch = \"/all\"\nempty_gif = true\naccess.rules = [\"allow all\"]\nauth_request.uri = \"/auth\"\n"
        + "[[server.location]]\nmatch = \"= /auth\"\nrewrite = [{ if = \"$http_x_pass\", then = [{ return = [204] }] }]\nreturn = [403]\n";
    let (gateway, at) = gateway(&signer.key(""), EMAIL, &server, &origin);
    fs::write(gateway.path("users"), "a:{PLAIN}b\n").unwrap();
    let good =
        format!("Authorization: Bearer {}\r\n", signer.token("{\"alg\":\"HS256\"}", "{\"sub\":\"me\"}"));
    let bad = format!(
        "Authorization: Bearer {}\r\n",
        Signer::secret("HS256", b"other").token("{\"alg\":\"HS256\"}", "{\"sub\":\"root\"}")
    );
    let (word, pass) = ("Authorization: Basic YTpi\r\n", "X-Pass: 1\r\n");
    let both = bad.clone() + pass;
    for (path, fields, expected) in [
        ("/here", "", 200),
        ("/here", &*bad, 200),
        ("/here", &good, 200),
        ("/there", "", 401),
        ("/there", &bad, 401),
        ("/there", &good, 200),
        ("/word", "", 401),
        ("/word", word, 200),
        ("/word", &good, 200),
        ("/asked", "", 401),
        ("/asked", pass, 200),
        ("/asked", &both, 200),
        ("/asked", &good, 200),
        ("/strict", &good, 403),
        ("/strict", &bad, 401),
        ("/all", &good, 403),
        ("/all", pass, 401),
        ("/all", &(good.clone() + pass), 200),
        ("/all", &both, 401),
    ] {
        let answer = get(at, path, fields);
        let text = answer.text();
        assert_eq!(answer.status, expected, "{path} {fields}: {text}");
        if expected == 200 && path != "/all" {
            let heard = text.contains("X-Sub:");
            assert_eq!(
                heard,
                path != "/here" && fields == good,
                "{path}: nobody has looked at others\n{text}"
            );
        }
    }
    let told = get(at, "/word", "").head.by_name().remove("www-authenticate").unwrap();
    assert_eq!(told, [&b"Basic realm=\"r\""[..], b"Bearer realm=\"closed site\""]);
}

/// What is asked for beside a request knows its token if that was found good, and checks none itself.
#[test]
fn copies_know_the_token_of_their_request() {
    let signer = Signer::secret("HS256", b"secret");
    let (origin, copies) = (Origin::echo(), Origin::echo());
    let server = format!(
        r#"
[[server.location]]
match = "/open"
auth_jwt.realm = "off"
mirror.to = ["/copy"]
proxy_pass = "http://{0}"
[[server.location]]
match = "/closed"
mirror.to = ["/copy"]
proxy_pass = "http://{0}"
[[server.location]]
match = "/copy"
internal = true
proxy_pass = "http://{1}"
"#,
        origin.address(),
        copies.address()
    );
    let (_gateway, at) = gateway(&signer.key(""), EMAIL, &server, &origin);
    let good = signer.token("{\"alg\":\"HS256\"}", "{\"sub\":\"me\"}");
    let bad = Signer::secret("HS256", b"other").token("{\"alg\":\"HS256\"}", "{\"sub\":\"root\"}");
    for (path, token, expected) in
        [("/closed", &good, Some("me")), ("/open", &good, None), ("/open", &bad, None)]
    {
        assert_eq!(bear(at, path, token).status, 200);
        let seen = until("a copy", LIMIT, || copies.take().pop());
        assert_eq!(seen.head.field("x-sub").as_deref(), expected, "{path}");
    }
    assert_eq!((bear(at, "/closed", &bad).status, origin.heads()), (401, 3));
}
