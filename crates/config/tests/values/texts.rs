//! The text, and the dump: what makes a difference.

use std::path::Path;

use crate::support::everything;

#[test]
fn layout_makes_no_difference_but_values_do() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/good/everything.toml");
    let text = std::fs::read_to_string(path).expect("the file");
    let parse = |text: &str| {
        propylon_config::parse(text, "x.toml").unwrap_or_else(|report| panic!("{report}")).config
    };
    assert_eq!(parse(&text), parse(&format!("# moved\n\n{text}")));
    for (from, to) in [
        ("\"300ms\"", "\"301ms\""),
        ("$tenant\"]", "$user\"]"),
        ("/files/", "/file/"),
        ("\"image\"", "\"i\""),
        ("denied.json", "refused.json"),
        ("size = \"32k\"", "size = \"33k\""),
    ] {
        assert_ne!(parse(&text), parse(&text.replacen(from, to, 1)), "{from}");
    }
}

#[test]
fn a_dump_reads_as_the_same_configuration() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/good/everything.toml");
    let text = std::fs::read_to_string(path).expect("the file");
    let config = everything();
    // What the dump leaves out inherits nothing: it is put back as it was written.
    let start = text.find("[log_format]").expect("formats");
    let end = text.find("[limit_zone.requests]").expect("after the maps");
    let again = format!("{}\n{}", config.dump(), &text[start..end]);
    let again =
        propylon_config::parse(&again, "dump.toml").unwrap_or_else(|report| panic!("{report}\n{again}"));
    assert_eq!(again.config, config);
}

#[test]
fn a_dump_without_logs_reads_too() {
    let streams = "[[stream]]\nlisten = [\"53 udp\"]\nreturn = \"a\"\n[[stream]]\nlisten = [\"54\", \"54 udp\"]\nreturn = \"a\"\nrequests = 2\n";
    for text in ["[[server]]\nreturn = [204]\n", streams] {
        let config = propylon_config::parse(text, "x.toml").unwrap().config;
        let again =
            propylon_config::parse(&config.dump(), "dump.toml").unwrap_or_else(|report| panic!("{report}"));
        assert_eq!(again.config, config);
    }
}

#[test]
fn what_only_pcre_reads_is_left_to_the_router() {
    for pattern in ["/{id}/x{,2}a{1", "{a}", r"[[a&&b~]", r"a\Z", r"\e", "(?'id'a)", "[]a]", r"\/a\-b"] {
        let text = ["[[server]]\n[[server.location]]\nmatch = \"\"\"~ ", "\"\"\"\nreturn = [204]\n"];
        let text = text.join(&pattern.replace('\\', "\\\\"));
        propylon_config::parse(&text, "x.toml").unwrap_or_else(|report| panic!("{report}"));
    }
}

/// Tables hold tables, and locations hold locations.
#[test]
fn a_configuration_can_be_printed() {
    assert!(format!("{:?}", everything()).contains("Table(\"server.location\")"));
}
