//! The main level and `events`.

use super::http;
use crate::args;
use crate::context::Contexts;
use crate::convert::{Convert, Done, Outcome, Target};
use crate::document::{Section, Value};
use crate::frame::Frame;
use crate::row::{As, BLOCK, ONE, ONE_OR_TWO, Row, SOME, TWO_OR_THREE, To};
use crate::tree::Directive;

const MAIN: Contexts = Contexts::MAIN;
const EVENTS: Contexts = Contexts::EVENTS;
const THREADS: &str = "workers are threads of one process, which stays in the foreground";
const CONNECTIONS: &str = "connections are limited only by the number of open files";

pub(crate) const ROWS: &[Row] = &[
    Row::new("http", MAIN, BLOCK, To::By(http::block, "defaults, server")),
    Row::new("events", MAIN, BLOCK, To::By(events, "")),
    Row::new("worker_processes", MAIN, ONE, To::By(workers, "runtime.workers"))
        .note("Workers are threads. Default: one, as in nginx."),
    Row::new(
        "worker_shutdown_timeout",
        MAIN,
        ONE,
        To::By(shutdown_timeout, "runtime.shutdown_timeout, runtime.reload_timeout"),
    ),
    Row::new("pid", MAIN, ONE, To::Runtime("pid_file", As::Path)),
    Row::new("user", MAIN, ONE_OR_TWO, To::By(user, "runtime.user, runtime.group"))
        .note("Default: if the process is started as root, workers run as nobody, as in nginx."),
    Row::nothing("daemon", MAIN, ONE, "the process stays in the foreground, as with `daemon off`"),
    Row::nothing("master_process", MAIN, ONE, THREADS),
    Row::nothing(
        "worker_rlimit_nofile",
        MAIN,
        ONE,
        "set the limit of open files where the process is started, such as LimitNOFILE= in systemd",
    ),
    Row::nothing(
        "worker_rlimit_core",
        MAIN,
        ONE,
        "set the limit where the process is started, such as LimitCORE= in systemd",
    ),
    Row::nothing(
        "worker_priority",
        MAIN,
        ONE,
        "set the priority where the process is started, such as Nice= in systemd",
    ),
    Row::nothing("worker_cpu_affinity", MAIN, SOME, "the kernel schedules the workers"),
    Row::nothing("working_directory", MAIN, ONE, "the system decides where core files are written"),
    Row::nothing("lock_file", MAIN, ONE, "there is no accept mutex"),
    Row::nothing("pcre_jit", MAIN, ONE, "regexes are compiled to automata"),
    Row::nothing("timer_resolution", MAIN, ONE, "the time is read when needed"),
    Row::nothing("debug_points", MAIN, ONE, "only for debugging nginx itself"),
    Row::nothing("thread_pool", MAIN, TWO_OR_THREE, "files are read on separate threads as needed"),
    Row::nothing("env", MAIN, ONE, "the environment is kept unchanged"),
    Row::nothing(
        "load_module",
        MAIN,
        ONE,
        "there are no modules to load; directives of modules that are not supported have their own verdicts",
    ),
    Row::nothing(
        "quic_bpf",
        MAIN,
        ONE,
        "not needed: the kernel always delivers packets to the worker of their connection, without privileges",
    ),
    Row::nothing("ssl_object_cache_inheritable", MAIN, ONE, "unchanged files are not reloaded"),
    Row::nothing("accept_mutex", EVENTS, ONE, "each worker has its own listening socket"),
    Row::nothing("accept_mutex_delay", EVENTS, ONE, "there is no accept mutex"),
    Row::nothing("multi_accept", EVENTS, ONE, "connections are accepted as they arrive"),
    Row::nothing("use", EVENTS, ONE, "always epoll"),
    Row::nothing("worker_connections", EVENTS, ONE, CONNECTIONS),
    Row::nothing("worker_aio_requests", EVENTS, ONE, "there is no such limit"),
    Row::nothing("debug_connection", EVENTS, ONE, "use `error_log ... debug`"),
    Row::new("stream", MAIN, BLOCK, To::By(super::stream::block, "stream")),
    Row::refused("mail", MAIN, BLOCK, "mail protocols are not supported: proxy the connections in `stream`"),
    Row::refused(
        "ssl_engine",
        MAIN,
        ONE,
        "there are no OpenSSL engines, TLS is implemented by rustls: remove it",
    ),
    Row::refused(
        "google_perftools_profiles",
        MAIN,
        ONE,
        "not supported: remove it, and use an external profiler",
    ),
];

fn events(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    if let Some(block) = directive.block() {
        let frame = convert.inside(Frame::new(EVENTS, Section::default(), ""), block);
        let top = &mut convert.frame_mut().section;
        directive.beside.iter().for_each(|comment| top.comment(comment.clone()));
        top.append(frame.section);
    }
    Ok(Done::AsWritten)
}

fn workers(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let value = if directive.arg(0) == "auto" {
        Value::text("auto")
    } else {
        Value::number(args::number(directive, 0)?)
    };
    convert.set(Target::Runtime, &["workers"], value.at(directive.place_of(0)), &directive.place);
    Ok(Done::AsWritten)
}

fn user(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    for (index, key) in ["user", "group"].into_iter().enumerate().take(directive.args().len()) {
        let value = Value::text(directive.arg(index)).at(directive.place_of(index));
        convert.set(Target::Runtime, &[key], value, &directive.place);
    }
    Ok(Done::AsWritten)
}

/// It limits what old workers do, be it after a reload or at the end.
fn shutdown_timeout(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let value = convert.value(directive, 0, As::Time)?;
    convert.set(Target::Runtime, &["shutdown_timeout"], value.clone(), &directive.place);
    if crate::args::time(directive, 0)? != "0" {
        convert.set(Target::Runtime, &["reload_timeout"], value, &directive.place);
    }
    Ok(Done::AsWritten)
}
