//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// A reverse proxy made of tower layers: nginx's behaviour, better errors, less CPU.
///
/// New here? Start with `propylon demo`. Otherwise write a TOML file, test it with `propylon check --config FILE` and run it
/// with `propylon run --config FILE`.
#[derive(Debug, Parser)]
#[command(version, after_help = EXIT_CODES, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 success; 1 the configuration has errors, or the gateway could not start; 2 the configuration is valid, \
but something it needs is missing (for example, a name does not resolve); 64 wrong usage.

Signals: HUP reloads the configuration (it is tested first, and no request is dropped); USR1 reopens the log files; USR2 starts \
the new executable beside this process, on the same sockets (QUIT then ends the old one); QUIT drains: finishes requests in flight, \
then exits; TERM and INT exit at once.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs the gateway in the foreground.
    Run(Run),
    /// Tests a configuration: reports all errors with file, line and column, and names that do not resolve.
    Check(Check),
    /// Shows which server and location answer a request, and every setting with the line it came from.
    Explain(Explain),
    /// Converts an nginx.conf: writes TOML to stdout or a file, and a verdict for every line to stderr.
    Import(Import),
    /// Formats configuration files: blank lines, spaces, lists. Keeps comments and order.
    Fmt(Fmt),
    /// Prints the JSON Schema of the configuration, for editors.
    Schema,
    /// Starts a gateway in front of two small upstreams on loopback, and prints what to try.
    Demo,
}

/// The configuration.
#[derive(Clone, Debug, Args)]
pub(crate) struct Source {
    /// The configuration, a TOML file.
    #[arg(short, long, value_name = "FILE", required_unless_present = "nginx_conf")]
    pub(crate) config: Option<PathBuf>,
    /// The configuration, an nginx.conf.
    #[arg(long, value_name = "FILE", conflicts_with = "config")]
    pub(crate) nginx_conf: Option<PathBuf>,
    /// The directory that relative paths in the configuration refer to, as nginx's -p. Default: the working directory.
    #[arg(long, value_name = "DIR")]
    pub(crate) prefix: Option<PathBuf>,
    /// Additional main-level nginx directives, as nginx's -g: "pid /run/p.pid; worker_processes 2;".
    #[arg(long, value_name = "DIRECTIVES", default_value = "", hide_default_value = true)]
    pub(crate) globals: String,
}

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The nginx.conf.
    #[arg(value_name = "NGINX_CONF")]
    pub(crate) file: PathBuf,
    /// Writes the TOML to this file instead of standard output.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Writes the TOML to several files in this directory, split as the nginx.conf was: propylon.toml, and sites/NAME.toml for
    /// each included file that has servers, upstreams, maps or zones.
    #[arg(short, long, value_name = "DIR", conflicts_with = "output")]
    pub(crate) directory: Option<PathBuf>,
    /// Writes the verdicts to this file as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Additional main-level nginx directives, read before the file, as nginx's -g.
    #[arg(long, value_name = "DIRECTIVES", default_value = "", hide_default_value = true)]
    pub(crate) globals: String,
    /// Exits with 1 for any directive that is not converted exactly, not only for refused ones.
    #[arg(long)]
    pub(crate) strict: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Fmt {
    /// The TOML files; `-` reads standard input and writes to standard output.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Writes nothing: lists the files that are not formatted, and exits with 1 if there are any.
    #[arg(long)]
    pub(crate) check: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) source: Source,
    /// Writes the process id here once all listeners are open; overrides `runtime.pid_file`.
    #[arg(long, value_name = "FILE")]
    pub(crate) pid_file: Option<PathBuf>,
    /// Logs errors here; overrides `error_log.path`.
    #[arg(long, value_name = "FILE")]
    pub(crate) error_log: Option<PathBuf>,
    /// Refuses to start if a name does not resolve, as nginx does.
    #[arg(long)]
    pub(crate) strict: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) source: Source,
    /// Treats a name that does not resolve as an error.
    #[arg(long)]
    pub(crate) strict: bool,
    /// Prints the effective configuration: every setting of every location, and where it comes from.
    #[arg(long)]
    pub(crate) dump: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    #[command(flatten)]
    pub(crate) source: Source,
    /// The method (default: GET) and the URL: `explain --config FILE POST http://example.com/login`.
    #[arg(required = true, num_args = 1..=2, value_names = ["METHOD", "URL"])]
    pub(crate) request: Vec<String>,
}
