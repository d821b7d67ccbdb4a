//! `proxy_store` and `fastcgi_store` beside a cache: of one place one of the two.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use propylon_nginx_conf::{Converted, Verdict, convert};

fn of(directives: &str) -> Result<Converted, String> {
    let text = format!(
        "events {{ }}
http {{
proxy_cache_path /var/cache keys_zone=one:1m;
server {{
listen 127.0.0.1:8080;
location / {{ {directives} }}
}}
}}
"
    );
    convert(&text, "nginx.conf").map_err(|problems| problems[0].to_string())
}

fn converted(directives: &str) -> Converted {
    of(directives).unwrap_or_else(|problem| panic!("{directives}: {problem}"))
}

const PASSES: [(&str, &str); 4] = [
    ("proxy", "proxy_pass http://127.0.0.1:81;"),
    ("fastcgi", "fastcgi_pass 127.0.0.1:81;"),
    ("uwsgi", "uwsgi_pass 127.0.0.1:81;"),
    ("scgi", "scgi_pass 127.0.0.1:81;"),
];

#[test]
fn a_cache_that_is_off_is_none() {
    for (name, pass) in PASSES {
        let (off, on) = (format!("{name}_cache off;"), format!("{name}_store on;"));
        for order in [format!("{off} {on} {pass}"), format!("{on} {off} {pass}"), format!("{on} {pass}")] {
            let converted = converted(&order);
            assert_eq!(converted.count(Verdict::Refused), 0, "{order}: {}", converted.report());
            let toml = converted.toml();
            assert!(toml.contains("cache.zone = \"off\"") && toml.contains("store.to = \"on\""), "{toml}");
            converted.load().unwrap_or_else(|problems| panic!("{}\n{toml}", problems[0]));
        }
    }
}

#[test]
fn a_cache_is_incompatible() {
    for (name, pass) in PASSES {
        let (cache, store) = (format!("{name}_cache one;"), format!("{name}_store on;"));
        let problem = of(&format!("{cache} {store} {pass}")).unwrap_err();
        let expected = format!("\"{name}_store\" directive is incompatible with \"{name}_cache\"");
        assert!(problem.contains(&expected), "{problem}");
        let problem = of(&format!("{store} {cache} {pass}")).unwrap_err();
        let expected = format!("\"{name}_cache\" directive is incompatible with \"{name}_store\"");
        assert!(problem.contains(&expected), "{problem}");
        converted(&format!("{cache} {name}_store off; {pass}"));
    }
}
