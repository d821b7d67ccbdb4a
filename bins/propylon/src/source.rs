//! Where the configuration comes from: TOML, or an nginx.conf that is converted on the way in.

use std::path::PathBuf;

use anyhow::Context;
use propylon_config::{Config, Loaded, Origin, Report};
use propylon_gateway::StartError;
use propylon_nginx_conf::{Converted, Problem};

use crate::args;

/// A configuration that can be used.
pub(crate) struct Read {
    pub(crate) config: Config,
    /// What is odd about it, as text; empty if nothing is.
    pub(crate) warnings: String,
    /// What it was made from.
    converted: Option<Converted>,
}

impl args::Source {
    /// Makes the paths of the command line absolute, then makes the prefix the working directory: what the configuration
    /// names is against it. To be called once, before any thread is there.
    ///
    /// # Errors
    /// When there is no such directory.
    pub(crate) fn settle(&mut self, others: &mut [&mut Option<PathBuf>]) -> anyhow::Result<()> {
        let Some(prefix) = &self.prefix else { return Ok(()) };
        let own = [&mut self.config, &mut self.nginx_conf];
        for path in own.into_iter().chain(others.iter_mut().map(|path| &mut **path)).flatten() {
            *path = std::path::absolute(&*path)?;
        }
        std::env::set_current_dir(prefix)
            .with_context(|| format!("cannot change to the directory {}", prefix.display()))
    }

    /// The file's name.
    pub(crate) fn name(&self) -> String {
        let path = self.nginx_conf.as_ref().or(self.config.as_ref());
        path.map(|path| path.display().to_string()).unwrap_or_default()
    }

    /// Whether it is an nginx.conf.
    pub(crate) const fn is_nginx(&self) -> bool {
        self.nginx_conf.is_some()
    }

    /// Reads the configuration, or says what is wrong with it.
    pub(crate) fn read(&self, color: bool) -> Result<Read, String> {
        if let Some(path) = &self.nginx_conf {
            let converted =
                propylon_nginx_conf::import(path, &self.globals).map_err(|wrong| problems(&wrong))?;
            let loaded = converted.load().map_err(|wrong| problems(&wrong))?;
            let warnings = loaded.warnings.diagnostics().iter();
            let warnings = warnings.map(|warning| {
                let text = converted.translate(warning).to_string();
                format!("nginx.conf: {}\n", text.replacen("[emerg]", "[warn]", 1))
            });
            let warnings = warnings.collect();
            return Ok(Read { config: loaded.config, warnings, converted: Some(converted) });
        }
        let path = self.config.clone().unwrap_or_default();
        let Loaded { mut config, warnings } =
            propylon_config::load(&path).map_err(|report| report.render(color))?;
        self.override_by_globals(&mut config)?;
        Ok(Read { config, warnings: warnings.render(color), converted: None })
    }

    /// `--globals` beside a TOML file: what is written there stands before what the file says.
    fn override_by_globals(&self, config: &mut Config) -> Result<(), String> {
        if self.globals.trim().is_empty() {
            return Ok(());
        }
        let by = propylon_nginx_conf::globals(&self.globals).map_err(|wrong| problems(&wrong))?;
        let set =
            |key| by.process.find(key).is_some_and(|setting| matches!(setting.origin, Origin::Set { .. }));
        if set("runtime.pid_file") {
            config.runtime.pid_file.clone_from(&by.runtime.pid_file);
        }
        if set("runtime.workers") {
            config.runtime.workers = by.runtime.workers;
        }
        if set("runtime.shutdown_timeout") {
            config.runtime.shutdown_timeout = by.runtime.shutdown_timeout;
        }
        if set("error_log.path") {
            config.error_log.target = by.error_log.target;
        }
        if set("error_log.level") {
            config.error_log.level = by.error_log.level;
        }
        Ok(())
    }
}

impl Read {
    /// A report about the configuration, as whoever wrote it reads it.
    pub(crate) fn render(&self, report: &Report, color: bool) -> String {
        match &self.converted {
            Some(converted) => problems(&converted.problems(report)),
            None => report.render(color),
        }
    }

    /// Why the gateway does not start.
    pub(crate) fn start_error(&self, error: &StartError, color: bool) -> Option<String> {
        match (error, &self.converted) {
            (StartError::Build(error), _) => Some(self.render(&error.report(&self.config), color)),
            (StartError::Listen { address, source }, Some(_)) => {
                let code = source.raw_os_error().unwrap_or_default();
                let text = source.to_string();
                let text = text.split(" (os error").next().unwrap_or_default();
                Some(format!("nginx.conf: [emerg] bind() to {address} failed ({code}: {text})"))
            }
            _ => None,
        }
    }
}

/// Problems of an nginx.conf as nginx writes them, each with what to do about it.
pub(crate) fn problems(problems: &[Problem]) -> String {
    let line = |problem: &Problem| {
        let help = problem.help.as_ref().map(|help| format!("\n  help: {help}")).unwrap_or_default();
        format!("nginx.conf: {problem}{help}\n")
    };
    problems.iter().map(line).collect()
}
