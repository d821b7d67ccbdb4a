//! `propylon demo`: something to see within a second.

use std::process::ExitCode;

use anyhow::anyhow;
use propylon_gateway::log::Sinks;
use propylon_gateway::{Gateway, Start};
use tokio::signal::unix::{SignalKind, signal};

/// The gateway and, as two servers of its own, the upstreams behind it.
const CONFIG: &str = include_str!("demo.toml");

const WELCOME: &str = "\
propylon demo: a gateway on http://127.0.0.1:8080, two upstreams on 127.0.0.1:8081 and 127.0.0.1:8082.

Try, in another terminal:
  curl -i http://127.0.0.1:8080/            # the upstreams take turns
  curl -i http://127.0.0.1:8080/api/users   # proxy_pass with a URI: the upstream sees /v1/users
  curl -i http://127.0.0.1:8080/old         # a redirect
  curl -i http://127.0.0.1:8080/down        # an upstream that is not there: 502

The access log follows. Ctrl-C ends. The configuration is bins/propylon/src/demo.toml.
";

/// Runs the demo until Ctrl-C.
///
/// # Errors
/// When its ports are taken.
pub(crate) fn demo() -> anyhow::Result<ExitCode> {
    let loaded =
        propylon_config::parse(CONFIG, "demo.toml").map_err(|report| anyhow!(report.render(false)))?;
    crate::run::runtime()?.block_on(async {
        let sinks = Sinks::spawn(propylon_gateway::report_trouble)?;
        let mut interrupt = signal(SignalKind::interrupt())?; // before anybody can think that the demo runs
        let gateway = Gateway::start(loaded.config, Start::new(sinks)).await?;
        crate::print(WELCOME)?;
        interrupt.recv().await;
        gateway.stop().await;
        Ok(ExitCode::SUCCESS)
    })
}
