//! Whose tokens are good, and what they say.

use propylon_testkit::tokens::{Signer, encode, set};
use propylon_tests::Origin;

use crate::support::{EMAIL, OTHERS, bear, gateway, get, in_seconds};

#[test]
fn good_tokens_of_every_kind_come_in_and_the_others_do_not() {
    let signers = [
        ("HS256", Signer::secret("HS256", b"fantasticjwt")),
        ("RS256", Signer::new("RS256")),
        ("PS384", Signer::new("PS384")),
        ("ES256", Signer::new("ES256")),
        ("ES384", Signer::new("ES384")),
        ("EdDSA", Signer::new("EdDSA")),
    ];
    let keys: Vec<String> =
        signers.iter().map(|(name, signer)| signer.key(&format!("\"kid\":\"{name}\""))).collect();
    let origin = Origin::echo();
    let (gateway, at) = gateway(&set(&keys), EMAIL, "", &origin);
    for (name, signer) in &signers {
        let claims = format!(r#"{{"sub":"me","exp":{},"nbf":{}}}"#, in_seconds(3600), in_seconds(-3600));
        let token = signer.named(name, &claims);
        let answer = bear(at, "/", &token);
        let text = answer.text();
        assert!(answer.status == 200 && text.contains("X-Sub: me\r\n"), "{name}: {text}");
        assert!(text.contains(&format!("X-Key: {name}\r\n")), "{name}: {text}");
        assert!(text.contains(&format!("X-All: {claims}\r\n")), "{name}: {text}");
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let (header, _) = signed.split_once('.').unwrap();
        let stranger = match *name {
            "HS256" => Signer::secret(name, b"another"),
            _ => Signer::new(name),
        };
        let without = format!("{}.{}.", encode("{\"alg\":\"none\"}"), encode(&claims));
        for (bad, token) in [
            ("expired", signer.named(name, &format!("{{\"sub\":\"me\",\"exp\":{}}}", in_seconds(-60)))),
            ("not yet", signer.named(name, &format!("{{\"sub\":\"me\",\"nbf\":{}}}", in_seconds(3600)))),
            ("another key", stranger.named(name, &claims)),
            ("an unknown key", signer.named("nobody", &claims)),
            ("other claims", format!("{header}.{}.{signature}", encode("{\"sub\":\"root\"}"))),
            ("no signature", format!("{signed}.")),
            ("not signed", without.clone()),
            ("no token", "a.b.c".to_owned()),
        ] {
            let answer = bear(at, "/", &token);
            let told = answer.head.field("www-authenticate");
            assert_eq!((answer.status, told.as_deref()), (401, Some(OTHERS)), "{name}: {bad}");
        }
    }
    // Whoever has the public key takes it for a secret.
    let public = keys.get(1).unwrap();
    let modulus = public.split('"').max_by_key(|text| text.len()).unwrap();
    for secret in [public, modulus] {
        for kid in ["RS256", "HS256"] {
            let forged = Signer::secret("HS256", secret.as_bytes()).named(kid, "{\"sub\":\"root\"}");
            assert_eq!(bear(at, "/", &forged).status, 401);
        }
    }
    let asked = get(at, "/", "");
    let told = asked.head.field("www-authenticate");
    assert_eq!((asked.status, told.as_deref()), (401, Some("Bearer realm=\"closed site\"")));
    assert_eq!(get(at, "/", "Authorization: Basic YTpi\r\n").status, 401);
    assert_eq!(origin.heads(), signers.len(), "the others reached nobody");
    let log = gateway.tells("the JSON Web Token has expired");
    assert!(log.contains("no key matches the JSON Web Token"), "{log}");
    let lines = gateway.lines("access.log", 1);
    assert!(lines.iter().all(|line| line == "/ 200 me" || line == "/ 401 -"), "{lines:?}");
}

#[test]
fn claims_are_found_by_their_names() {
    let signer = Signer::secret("HS256", b"secret");
    let origin = Origin::echo();
    let (_gateway, at) = gateway(&signer.key(""), EMAIL, "", &origin);
    let claims = r#"{"sub":["a","b"],"info":{"e-mail":"me@example.com"},"n":1}"#;
    let text = bear(at, "/", &signer.token("{\"alg\":\"HS256\"}", claims)).text();
    assert!(text.contains("X-Sub: a,b\r\n") && text.contains("X-Email: me@example.com\r\n"), "{text}");
    assert!(!text.contains("X-Key"), "{text}");
    // What cannot stand in a field does not.
    let text = bear(at, "/", &signer.token("{\"alg\":\"HS256\"}", r#"{"sub":"a\r\nX-Admin: 1"}"#)).text();
    assert!(!text.contains("X-Admin: 1\r\nX") && !text.contains("\nX-Admin: 1\r\n"), "{text}");
}

#[test]
fn what_is_required_besides() {
    let signer = Signer::secret("HS256", b"secret");
    let origin = Origin::echo();
    let tables =
        "[map.good]\nkey = \"$jwt_claim_iss\"\nvalues = { us = \"1\", them = \"0\" }\n".to_owned() + EMAIL;
    let server = r#"
[[server.location]]
match = "/issuer"
auth_jwt.require = [{ values = ["$good"] }]
return = [404]
[[server.location.location]]
match = "/issuer/admin"
auth_jwt.require = [{ values = ["$good"] }, { values = ["$jwt_claim_admin", "$jwt_claim_sub"], error = 403 }]
empty_gif = true
"#;
    let (_gateway, at) = gateway(&signer.key(""), &tables, server, &origin);
    let status = |claims: &str| {
        let answer = bear(at, "/issuer/admin", &signer.token("{\"alg\":\"HS256\"}", claims));
        (answer.status, answer.head.field("www-authenticate"))
    };
    assert_eq!(status(r#"{"iss":"us","admin":true,"sub":"a"}"#), (200, None));
    assert_eq!(status(r#"{"iss":"us","admin":true}"#), (403, None));
    assert_eq!(status(r#"{"iss":"us","admin":0,"sub":"a"}"#), (403, None));
    for claims in [r#"{"iss":"them","admin":1,"sub":"a"}"#, r#"{"admin":1,"sub":"a"}"#] {
        assert_eq!(status(claims), (401, Some(OTHERS.to_owned())));
    }
}
