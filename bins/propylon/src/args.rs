//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// A reverse proxy made of tower layers: nginx's behaviour, better errors, less CPU.
///
/// A new user starts with `propylon demo`. An operator writes a TOML file, tests it with `propylon check --config FILE`,
/// and runs it with `propylon run --config FILE`.
#[derive(Debug, Parser)]
#[command(version, after_help = EXIT_CODES, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 all is well; 1 the configuration has errors, or the gateway could not start; 2 the configuration is valid, \
but something it needs is missing (a name that does not resolve); 64 wrong usage.

Signals: HUP reloads the configuration (tested first; no request is dropped), USR1 opens the log files anew, USR2 starts \
the executable anew beside this process, with the same sockets (then QUIT ends this one), QUIT finishes what is in flight and \
ends, TERM and INT end at once.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs the gateway in the foreground.
    Run(Run),
    /// Tests a configuration: reports all errors with file, line and column, and what does not resolve.
    Check(Check),
    /// Tells which server and location answer a request, with each setting and the line that it came from.
    Explain(Explain),
    /// Converts an nginx.conf: TOML to stdout or a file, a verdict for every line to stderr.
    Import(Import),
    /// Lays configurations out as all others are: blank lines, spaces, lists. Comments and the order stay.
    Fmt(Fmt),
    /// Prints the JSON Schema of the configuration, for editors.
    Schema,
    /// Starts two small upstreams and a gateway before them on loopback, and tells what to try.
    Demo,
}

/// Where the configuration is.
#[derive(Clone, Debug, Args)]
pub(crate) struct Source {
    /// The configuration, a TOML file.
    #[arg(short, long, value_name = "FILE", required_unless_present = "nginx_conf")]
    pub(crate) config: Option<PathBuf>,
    /// The configuration, an nginx.conf.
    #[arg(long, value_name = "FILE", conflicts_with = "config")]
    pub(crate) nginx_conf: Option<PathBuf>,
    /// The directory that relative paths in the configuration are against, as nginx's -p; the default is the working directory.
    #[arg(long, value_name = "DIR")]
    pub(crate) prefix: Option<PathBuf>,
    /// Directives of nginx's main level that count beside the configuration, as nginx's -g: "pid /run/p.pid; worker_processes 2;".
    #[arg(long, value_name = "DIRECTIVES", default_value = "", hide_default_value = true)]
    pub(crate) globals: String,
}

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The nginx.conf.
    #[arg(value_name = "NGINX_CONF")]
    pub(crate) file: PathBuf,
    /// Where the TOML goes; the default is standard output.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Where the TOML goes in several files, as the nginx.conf was: propylon.toml, and sites/NAME.toml for each included file
    /// with servers, upstreams, maps or zones.
    #[arg(short, long, value_name = "DIR", conflicts_with = "output")]
    pub(crate) directory: Option<PathBuf>,
    /// Where the verdicts go as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Directives of the main level that count as if they stood before the file, as nginx's -g.
    #[arg(long, value_name = "DIRECTIVES", default_value = "", hide_default_value = true)]
    pub(crate) globals: String,
    /// Anything that is not exact makes the exit code 1, not only what is refused.
    #[arg(long)]
    pub(crate) strict: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Fmt {
    /// The configurations, TOML; `-` is standard input, and goes to standard output.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Writes nothing: tells which are not laid out so, with exit code 1 if any is.
    #[arg(long)]
    pub(crate) check: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) source: Source,
    /// Where to write the process id once all listeners are open; stands before `runtime.pid_file`.
    #[arg(long, value_name = "FILE")]
    pub(crate) pid_file: Option<PathBuf>,
    /// Where errors are logged; stands before `error_log.path`.
    #[arg(long, value_name = "FILE")]
    pub(crate) error_log: Option<PathBuf>,
    /// A name that does not resolve keeps the gateway from starting, as it does nginx.
    #[arg(long)]
    pub(crate) strict: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) source: Source,
    /// What does not resolve is an error.
    #[arg(long)]
    pub(crate) strict: bool,
    /// Prints the effective configuration: every setting of every location, with where it comes from.
    #[arg(long)]
    pub(crate) dump: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    #[command(flatten)]
    pub(crate) source: Source,
    /// The method and the URL: `explain --config FILE POST http://example.com/login`. Without a method: GET.
    #[arg(required = true, num_args = 1..=2, value_names = ["METHOD", "URL"])]
    pub(crate) request: Vec<String>,
}
