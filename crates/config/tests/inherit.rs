//! Three levels, joined key by key, and where each value comes from.
#![allow(
    clippy::panic,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::string_slice,
    reason = "helpers of tests"
)]

use std::time::Duration;

use propylon_config::{Config, ErrorLog, ErrorLogTarget, Level, LogLevel, LogTarget, Origin, Settings};

fn config(text: &str) -> Config {
    propylon_config::parse(text, "test.toml").unwrap_or_else(|report| panic!("{report}")).config
}

fn location(config: &Config, index: usize) -> &Settings {
    &config.servers[0].locations[index].settings
}

const SERVER: &str = "
[defaults.timeout]
connect = \"1s\"
read = \"2s\"
[[server]]
[server.timeout]
read = \"3s\"
send = \"4s\"
[[server.location]]
match = \"/\"
return = [204]
timeout.send = \"5s\"
";

/// Nothing is looked for per request where all lines go to one file anyway.
#[test]
fn an_error_log_that_is_as_the_process_is_none_of_its_own() {
    let logs = |level: &str| {
        let process = "[error_log]\npath = \"e.log\"\n";
        let place = format!("[defaults]\nerror_log = {{ path = \"e.log\", level = \"{level}\" }}\n");
        let server = "[[server]]\nlisten = [\"80\"]\nreturn = [204]\n";
        config(&[process, &place, server].concat()).error_logs().count()
    };
    assert_eq!((logs("error"), logs("warn")), (0, 1));
}

#[test]
fn an_inner_key_replaces_the_outer_one_and_leaves_the_others() {
    let config = config(SERVER);
    let timeout = &location(&config, 0).timeout;
    assert_eq!(timeout.connect, Duration::from_secs(1));
    assert_eq!(timeout.read, Duration::from_secs(3));
    assert_eq!(timeout.send, Duration::from_secs(5));
    assert_eq!(timeout.client_body, Duration::from_secs(60));
    let server = &config.servers[0].settings.timeout;
    assert_eq!(server.send, Duration::from_secs(4));
}

#[test]
fn explain_tells_where_a_value_was_written() {
    let config = config(SERVER);
    let told = |key: &str| location(&config, 0).effective.find(key).expect("it is listed").to_string();
    assert_eq!(told("timeout.connect"), "timeout.connect = \"1s\" # line 3, [defaults]");
    assert_eq!(told("timeout.read"), "timeout.read = \"3s\" # line 7, [[server]]");
    assert_eq!(told("timeout.send"), "timeout.send = \"5s\" # line 12, [[server.location]]");
    assert_eq!(told("timeout.keepalive"), "timeout.keepalive = \"75s\" # default");
    assert_eq!(told("upstream.method"), "upstream.method = (none) # default");
    assert_eq!(told("match"), "match = \"/\" # line 10, [[server.location]]");
    let Origin::Set { level, span } =
        location(&config, 0).effective.find("timeout.read").expect("listed").origin
    else {
        panic!("it was written");
    };
    assert_eq!((level, span.line(), span.column()), (Level::Server, 7, 8));
}

#[test]
fn lists_and_tables_of_fields_are_replaced_whole() {
    let config = config(
        r#"
        [defaults.headers]
        set = { A = "1", B = "2" }
        add = { C = "3" }
        hide = ["D", "E"]
        [[server]]
        [[server.location]]
        match = "/"
        return = [204]
        headers = { set = { F = "4" }, hide = [] }
        [[server.location]]
        match = "/outer"
        return = [204]
        "#,
    );
    let inner = &location(&config, 0).headers;
    assert_eq!(inner.set.len(), 1);
    assert_eq!(inner.set[0].name, "f");
    assert_eq!(&*inner.set[0].written, "F");
    assert_eq!(inner.add.len(), 1);
    assert!(inner.hide.is_empty());
    let outer = &location(&config, 1).headers;
    assert_eq!(outer.set.iter().map(|field| &*field.written).collect::<Vec<_>>(), ["A", "B"]);
    assert_eq!(outer.hide.len(), 2);
}

#[test]
fn what_a_server_is_may_stand_in_defaults() {
    let config = config(
        "[defaults]\nserver_tokens = false\n[[server]]\nreturn = [204]\n[[server]]\nlisten = [\"81\"]\nreturn = [204]\nserver_tokens = true\n",
    );
    assert!(!config.servers[0].settings.server_tokens);
    assert!(config.servers[1].settings.server_tokens);
    assert!(config.servers[0].merge_slashes);
}

#[test]
fn one_access_log_inherits_key_by_key() {
    let config = config(
        r#"
        [defaults.access_log]
        path = "a.log"
        buffer = "4k"
        [[server]]
        [[server.location]]
        match = "/format"
        return = [204]
        access_log.format = "json"
        [[server.location]]
        match = "/off"
        return = [204]
        access_log.path = "off"
        [[server.location]]
        match = "/two"
        return = [204]
        access_log = [{ path = "stdout" }, { path = "b.log", flush = "1s" }]
        "#,
    );
    let logs = |index| &location(&config, index).access_logs;
    let [log] = logs(0).as_slice() else { panic!("one log") };
    assert_eq!(log.target, LogTarget::File("a.log".into()));
    assert_eq!(&*log.format.name, "json");
    assert_eq!(log.buffer.map(|buffer| (buffer.size, buffer.flush)), Some((4096, None)));
    assert!(logs(1).is_empty());
    let [first, second] = logs(2).as_slice() else { panic!("two logs") };
    assert_eq!((&first.target, first.buffer), (&LogTarget::Stdout, None));
    assert_eq!(&*first.format.name, "combined");
    assert_eq!(
        second.buffer.map(|buffer| (buffer.size, buffer.flush)),
        Some((65536, Some(Duration::from_secs(1))))
    );
}

#[test]
fn an_array_of_access_logs_is_inherited_whole_and_not_mixed_with() {
    let config = config(
        r#"
        [defaults]
        access_log = [{ path = "a.log" }, { path = "b.log" }]
        [[server]]
        [[server.location]]
        match = "/"
        return = [204]
        [[server.location]]
        match = "/own"
        return = [204]
        access_log.path = "c.log"
        "#,
    );
    assert_eq!(location(&config, 0).access_logs.len(), 2);
    assert_eq!(location(&config, 1).access_logs[0].target, LogTarget::File("c.log".into()));
    assert_eq!(location(&config, 1).access_logs.len(), 1);
}

#[test]
fn without_an_access_log_nothing_is_logged() {
    let config = config("[[server]]\nreturn = [204]\n");
    assert!(config.servers[0].settings.access_logs.is_empty());
}

fn file(path: &str, level: LogLevel) -> ErrorLog {
    ErrorLog { target: ErrorLogTarget::File(path.into()), level }
}

#[test]
fn a_place_has_the_error_logs_of_the_one_around_it_or_its_own() {
    let config = config(
        r#"
        [error_log]
        path = "process.log"
        [defaults.error_log]
        path = "a.log"
        level = "warn"
        [[server]]
        [[server.location]]
        match = "/inherits"
        return = [204]
        [[server.location]]
        match = "/own"
        return = [204]
        error_log.path = "b.log"
        [[server.location]]
        match = "/several"
        return = [204]
        error_log = [{ path = "stderr" }, { path = "c.log", level = "debug" }]
        [[server.location.location]]
        match = "/several/inner"
        return = [204]
        [[server.location.location]]
        match = "/several/other"
        return = [204]
        error_log = { path = "d.log" }
        [[server.location]]
        match = "/of-the-process"
        return = [204]
        error_log = []
        [[stream]]
        listen = ["1"]
        return = "text"
        error_log = { path = "s.log", level = "info" }
        [[stream]]
        listen = ["2"]
        return = "text"
        "#,
    );
    let logs = |index| location(&config, index).error_logs.as_slice();
    assert_eq!(config.servers[0].settings.error_logs, [file("a.log", LogLevel::Warn)]);
    assert_eq!(logs(0), [file("a.log", LogLevel::Warn)]);
    assert_eq!(logs(1), [file("b.log", LogLevel::Warn)], "key by key");
    let stderr = ErrorLog { target: ErrorLogTarget::Stderr, level: LogLevel::Error };
    let several = [stderr, file("c.log", LogLevel::Debug)];
    assert_eq!(logs(2), several);
    let inner = |index: usize| config.servers[0].locations[2].locations[index].settings.error_logs.as_slice();
    assert_eq!(inner(0), several);
    assert_eq!(inner(1), [file("d.log", LogLevel::Error)], "nothing is mixed with several");
    assert_eq!(logs(3), []);
    let streams: Vec<_> = config.streams.iter().map(|stream| stream.settings.error_logs.clone()).collect();
    assert_eq!(streams, [vec![file("s.log", LogLevel::Info)], vec![]]);
    assert_eq!(config.error_log.target, ErrorLogTarget::File("process.log".into()));
    // Every place has those that it inherits once more.
    assert_eq!(config.error_logs().count(), 1 + (1 + 1 + 2 + 2 + 1) + 1);
    assert_eq!(config.servers[0].error_logs().count(), 8);
}

#[test]
fn what_a_place_has_of_error_logs_is_shown_with_where_it_comes_from() {
    let config = config(
        "[defaults.error_log]\npath = \"a.log\"\n[[server]]\nerror_log.level = \"info\"\n[[server.location]]\nmatch = \"/\"\nreturn = [204]\n\
         error_log = [{ path = \"b.log\" }]\n",
    );
    let server = &config.servers[0].settings.effective;
    assert_eq!(
        server.find("error_log.path").unwrap().to_string(),
        "error_log.path = \"a.log\" # line 2, [defaults]"
    );
    assert_eq!(
        server.find("error_log.level").unwrap().to_string(),
        "error_log.level = \"info\" # line 4, [[server]]"
    );
    let location = &location(&config, 0).effective;
    let own = location.find("error_log").unwrap().to_string();
    assert_eq!(own, "error_log = [{ \"path\" = \"b.log\" }] # line 8, [[server.location]]");
}

#[test]
fn what_is_shown_of_error_logs_is_a_configuration_with_the_same() {
    let text = "[defaults]\nerror_log = [{ path = \"a.log\" }]\n[[server]]\nlisten = [\"1\"]\nreturn = [204]\n[[server]]\nlisten = [\"2\"]\n\
                return = [204]\nerror_log = []\n[[stream]]\nlisten = [\"3\"]\nreturn = \"text\"\n";
    let config = config(text);
    let again = propylon_config::parse(&config.dump(), "dump.toml")
        .unwrap_or_else(|report| panic!("{report}"))
        .config;
    let logs = |config: &Config| -> Vec<_> {
        config.servers.iter().map(|server| server.settings.error_logs.clone()).collect()
    };
    assert_eq!(logs(&again), logs(&config));
    assert_eq!(logs(&again), [vec![file("a.log", LogLevel::Error)], vec![]]);
    assert!(again.streams[0].settings.error_logs.is_empty());
}
