//! The file, and where in it to look.

use std::path::Path;

use propylon_config::{Action, Config, Location, ProxyPass, Target};

pub(crate) fn everything() -> Config {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/good/everything.toml");
    propylon_config::load(&path).unwrap_or_else(|report| panic!("{report}")).config
}

pub(crate) fn location<'c>(config: &'c Config, matcher: &str) -> &'c Location {
    let mut locations = config.servers[0].locations.iter();
    locations.find(|location| location.matcher.to_string() == matcher).expect(matcher)
}

pub(crate) fn target<'c>(config: &'c Config, matcher: &str) -> &'c Target {
    match &location(config, matcher).action {
        Action::ProxyPass(pass) => match &pass.value {
            ProxyPass::Static(target) => target,
            ProxyPass::Template(_) => panic!("it has variables"),
        },
        _ => panic!("no proxy_pass"),
    }
}
