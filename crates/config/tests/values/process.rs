//! What holds for the whole process: its logs, its traces, its certificates.

use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use propylon_config::{ErrorLogTarget, LogLevel, LogTarget, SyslogServer, TraceOn, TraceProtocol, Workers};

use crate::support::{everything, location};

#[test]
fn the_process() {
    let config = everything();
    assert_eq!(config.runtime.workers, Workers::Count(NonZeroUsize::new(2).expect("two")));
    assert_eq!(config.runtime.pid_file.as_deref(), Some(Path::new("/run/propylon.pid")));
    assert_eq!(config.runtime.shutdown_timeout, Duration::from_secs(10));
    assert!(!config.runtime.reuseport);
    assert_eq!(config.error_log.target, ErrorLogTarget::File("/var/log/propylon/error.log".into()));
    assert_eq!(config.error_log.level, LogLevel::Info);
}

#[test]
fn access_logs() {
    let config = everything();
    let logs = &location(&config, r"~ ^/user/(?<user>\w+)/(\d+)$").settings.access_logs;
    assert_eq!(logs[0].target, LogTarget::Stdout);
    assert_eq!(logs[0].condition.as_ref().map(|condition| condition.source()), Some("$kind"));
    let LogTarget::Syslog(syslog) = &logs[1].target else { panic!("syslog") };
    assert_eq!(syslog.server, SyslogServer::Udp { host: "[::1]".into(), port: 5140 });
    assert_eq!(
        (syslog.facility, syslog.severity, &*syslog.tag, syslog.hostname),
        ("local3", "warn", "gate_1", false)
    );
    let LogTarget::Syslog(local) = &logs[2].target else { panic!("syslog") };
    assert_eq!(local.server, SyslogServer::Unix("/dev/log".into()));
    assert_eq!(
        (local.facility, local.severity, &*local.tag, local.hostname),
        ("local7", "info", "propylon", true)
    );
    assert!(location(&config, "= /healthz").settings.access_logs.is_empty());
}

#[test]
fn traces() {
    let config = everything();
    let exporter = config.trace_exporter.as_ref().unwrap();
    assert_eq!(exporter.protocol, TraceProtocol::HttpProtobuf);
    assert_eq!((exporter.interval, exporter.timeout), (Duration::from_secs(1), Duration::from_secs(3)));
    assert_eq!((exporter.batch_size, exporter.queue, &*exporter.service_name), (100, 1000, "edge"));
    assert!(exporter.gzip);
    let (name, value) = &exporter.headers[0];
    assert_eq!((name.as_str(), value.as_bytes()), ("authorization", &b"Bearer secret"[..]));
    let trace = &location(&config, "/").settings.trace;
    assert!(matches!(&trace.on, TraceOn::If(template) if template.source() == "$arg_trace"));
    assert_eq!((trace.ratio, trace.parent_based, trace.extract, trace.inject), (0.00125, false, true, true));
    assert_eq!(trace.attributes[0].1.source(), "$tenant");

    // What is read and passed on follows from whether anything is traced, unless it is said.
    let check = |trace: &str, expected: [bool; 3]| {
        let text = format!(
            "[trace_exporter]\nendpoint = \"a\"\n[[server]]\nlisten = [\"80\"]\nreturn = [204]\ntrace = {{ {trace} }}\n"
        );
        let config = propylon_config::parse(&text, "").unwrap_or_else(|report| panic!("{report}")).config;
        let trace = &config.servers[0].settings.trace;
        assert_eq!([trace.extract, trace.inject, config.servers[0].traces()], expected, "{trace:?}");
    };
    check("", [false, false, false]);
    check("on = true", [true, true, true]);
    check("on = \"$arg_a\"", [true, true, true]);
    check("on = true, context = \"ignore\"", [false, false, true]);
    check("on = false, context = \"inject\"", [false, true, true]);
    check("context = \"extract\"", [true, false, true]);
}

#[test]
fn certificates_of_acme() {
    let server = |names: &str, acme: &str| {
        format!("[[server]]\nname = [{names}]\nlisten = [\"443 tls\"]\ntls.acme = {acme}\nreturn = [204]\n")
    };
    let text = "[acme]\nstate_path = \"/var/acme\"\naccept_terms_of_service = true\ncontact = [\"a@b.test\", \"tel:1\"]\n".to_owned()
        + "[[server]]\nlisten = [\"80\"]\nname = [\"*.test\"]\nreturn = [204]\n"
        + &server("\"A.test\", \"\", \"[::1]\"", "true")
        + &server("\"*.test\"", "[\"b.test\", \"C.test\", \"B.test\"]")
        + &server("\"[::1]\"", "[\"2001:DB8:0:0::1\", \"2001:db8::1\", \"::FFFF:10.0.0.1\"]")
        + &server("\"a.test\", \"d.test\"", "true");
    let config = propylon_config::parse(&text, "").unwrap_or_else(|report| panic!("{report}")).config;
    let acme = config.acme.as_ref().unwrap();
    assert_eq!(&*acme.directory, "https://acme-v02.api.letsencrypt.org/directory");
    assert_eq!(acme.contacts, ["mailto:a@b.test".into(), "tel:1".into()]);
    let certificates: Vec<String> = acme.certificates.iter().map(|names| names.join(" ")).collect();
    assert_eq!(certificates, ["a.test ::1 d.test", "b.test c.test", "2001:db8::1 ::ffff:10.0.0.1"]);
    let files = config.servers.iter().flat_map(|server| &server.tls.certificates);
    let files: Vec<&str> = files.map(|one| one.certificate.source()).collect();
    let a = "/var/acme/certificates/a.test.pem";
    let b = "/var/acme/certificates/b.test.pem";
    assert_eq!(files, [a, b, "/var/acme/certificates/2001:db8::1.pem", a]);
    assert!(
        config.dump().contains("[acme]") || config.dump().contains("acme.state_path"),
        "{}",
        config.dump()
    );
}
