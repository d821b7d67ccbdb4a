//! `modern_browser` and `ancient_browser`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use propylon_nginx_conf::{Verdict, convert};

fn of(directives: &str) -> Result<String, String> {
    let text = format!(
        "events {{ }}\nhttp {{\n{directives}\nserver {{ listen 127.0.0.1:8080; return 200 $ancient_browser$modern_browser$msie; }}\n}}\n"
    );
    let converted = convert(&text, "nginx.conf").map_err(|problems| problems[0].to_string())?;
    assert_eq!(converted.count(Verdict::Refused), 0, "{}", converted.report());
    converted.load().unwrap_or_else(|problems| panic!("{}\n{}", problems[0], converted.toml()));
    Ok(converted.toml().to_owned())
}

#[test]
fn directives_add_up() {
    let toml = of("modern_browser msie 5.5; modern_browser unlisted; ancient_browser Links Lynx; ancient_browser netscape4;\n\
                   modern_browser_value modern.; ancient_browser_value \"\";")
    .unwrap();
    for line in [
        "browser.modern = [\"msie 5.5\", \"unlisted\"]",
        "browser.ancient = [\"Links\", \"Lynx\", \"netscape4\"]",
        "browser.modern_value = \"modern.\"",
        "browser.ancient_value = \"\"",
    ] {
        assert!(toml.contains(line), "{line}\n{toml}");
    }
}

#[test]
fn what_is_wrong_is_told_as_nginx_would() {
    let check = |directives: &str, expected: &str| {
        let problem = of(directives).err().unwrap_or_else(|| panic!("{directives}: nothing is wrong"));
        assert!(problem.contains(expected), "{directives}: {problem}");
    };
    check("modern_browser listed;", "invalid value");
    check("modern_browser mosaic 1;", "unknown browser name \"mosaic\"");
    check("modern_browser msie 5b;", "invalid browser version \"5b\"");
    check("modern_browser msie 5 6;", "invalid number of arguments");
    check("modern_browser_value a; modern_browser_value b;", "is duplicate");
}
