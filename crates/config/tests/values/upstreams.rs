//! Where requests go, and how.

use std::sync::Arc;
use std::time::Duration;

use propylon_config::{Action, Address, Destination, Escape, Param, ProxyPass, Scheme, UpstreamVersion};

use crate::support::{everything, location, target};

#[test]
fn named_things() {
    let config = everything();
    let names: Vec<&str> = config.formats.keys().map(AsRef::as_ref).collect();
    assert_eq!(names, ["combined", "json", "stream", "detailed", "lines"]);
    assert_eq!(config.formats["lines"].escape, Escape::Json);
    assert_eq!(config.formats["combined"].escape, Escape::Default);
    let backend = &config.upstreams["backend"];
    let servers: Vec<String> = backend.servers.iter().map(|server| server.address.to_string()).collect();
    assert_eq!(servers, ["127.0.0.1:8001", "app.internal:80", "[::1]:8002", "unix:/run/app.sock"]);
    assert_eq!(backend.servers[1].address.value, Address::Name { host: "app.internal".into(), port: 80 });
    assert_eq!((backend.keepalive, backend.keepalive_requests), (16, 100));
    assert_eq!(backend.keepalive_time, Duration::from_secs(1800));
    assert_eq!(backend.keepalive_timeout, Duration::from_secs(45));
    assert_eq!(backend.max_streams.get(), 50);
}

#[test]
fn transport() {
    let config = everything();
    let transport = &location(&config, "/").settings.upstream;
    assert_eq!(transport.http_version, UpstreamVersion::Http10);
    assert_eq!(transport.method.as_ref().map(propylon_config::Template::source), Some("PUT"));
    assert!(location(&config, "^~ /static/").settings.upstream.websocket);
    assert_eq!(transport.body.as_ref().map(|body| body.source()), Some("id=$request_id"));
    assert!(!transport.pass_headers && !transport.pass_body && transport.socket_keepalive);
    let defaults = &config.servers[1].settings.upstream;
    assert_eq!(defaults.http_version, UpstreamVersion::Http11);
    assert!(defaults.pass_headers && defaults.pass_body && !defaults.socket_keepalive && !defaults.websocket);
    assert!(location(&config, "^~ /static/").settings.upstream.websocket);
}

#[test]
fn targets() {
    let config = everything();
    let backend = Destination::Upstream("backend".into());
    assert_eq!((&target(&config, "/").to, &target(&config, "/").uri), (&backend, &None));
    let files = target(&config, "^~ /static/");
    assert_eq!((&files.to, files.uri.as_deref()), (&backend, Some("/files/")));
    let socket = target(&config, r"~* \.(png|jpe?g)$");
    assert_eq!(socket.to, Destination::Address(Address::Unix("/run/files.sock".into())));
    assert_eq!(&*socket.host, "unix:/run/files.sock");
    assert_eq!(target(&config, "/socket/").uri.as_deref(), Some("/under/"));
    let address = target(&config, "@fallback");
    assert_eq!((&*address.host, address.port, address.port_written), ("[::1]", 9000, true));
    let Action::ProxyPass(pass) = &location(&config, r"~ ^/user/(?<user>\w+)/(\d+)$").action else {
        panic!()
    };
    let ProxyPass::Template(template) = &pass.value else { panic!("it has variables") };
    assert_eq!(template.source(), "http://$tenant.internal:8080/$user/$2");
}

#[test]
fn hosts_that_are_no_upstreams_are_names_to_resolve() {
    let to = |url: &str| {
        let text = format!(
            "[upstream.backend]\nserver = [{{ address = \"a.test\" }}]\n[[server]]\n[[server.location]]\nmatch = \"/\"\nproxy_pass = \"{url}\"\n"
        );
        let config = propylon_config::parse(&text, "x.toml").map_err(|report| report.to_string())?.config;
        Ok::<_, String>(target(&config, "/").to.clone())
    };
    let name = |host: &str, port| Ok(Destination::Address(Address::Name { host: host.into(), port }));
    assert_eq!(to("http://BACKEND"), Ok(Destination::Upstream("backend".into())));
    assert_eq!(to("http://backnd:80"), name("backnd", 80));
    assert_eq!(to("http://backnd.test"), name("backnd.test", 80));
    assert_eq!(to("http://frontend"), name("frontend", 80));
    assert_eq!(to("http://localhost"), name("localhost", 80));
    assert_eq!(
        to("http://127.0.0.1"),
        Ok(Destination::Address(Address::Socket(([127, 0, 0, 1], 80).into())))
    );
    assert!(to("http://backnd").is_err());
}

#[test]
fn a_default_that_is_written_down_changes_no_upstream() {
    let upstream = |more: &str| {
        let text = format!(
            "[upstream.a]\nserver = [{{ address = \"127.0.0.1:81\" }}]\n{more}\n[[server]]\nreturn = [204]\n"
        );
        propylon_config::parse(&text, "test.toml").unwrap().config.upstreams["a"].clone()
    };
    assert_eq!(upstream(""), upstream("method = \"round_robin\"\nkeepalive_requests = 1000"));
    assert_ne!(upstream(""), upstream("method = \"least_conn\""));
}

#[test]
fn the_scheme_of_a_url_with_variables() {
    for (pass, expected) in [
        ("proxy_pass = \"HTTP://$host\"", Some(Scheme::Http)),
        ("proxy_pass = \"HTTPS://$host\"", Some(Scheme::Https)),
        ("proxy_pass = \"$arg_a\"", None),
        ("fastcgi_pass = \"$arg_a\"", Some(Scheme::FastCgi)),
        ("uwsgi_pass = \"$arg_a\"", Some(Scheme::Uwsgi)),
        ("uwsgi_pass = \"uwsgi://127.0.0.1:1\"", Some(Scheme::Uwsgi)),
        ("uwsgi_pass = \"Suwsgi://127.0.0.1:1\"", Some(Scheme::Suwsgi)),
        ("scgi_pass = \"127.0.0.1:1\"", Some(Scheme::Scgi)),
        ("memcached_pass = \"$arg_a\"\nmemcached.key = \"$uri\"", Some(Scheme::Memcached)),
        ("grpc_pass = \"$arg_a\"", Some(Scheme::Grpc)),
        ("grpc_pass = \"GRPCS://$arg_a\"", Some(Scheme::Grpcs)),
    ] {
        let text = format!("[[server]]\n[[server.location]]\nmatch = \"/\"\n{pass}\n");
        let config = propylon_config::parse(&text, "test.toml").unwrap().config;
        let Action::ProxyPass(found) = &config.servers[0].locations[0].action else { panic!("{pass}") };
        assert_eq!(found.value.scheme(), expected, "{pass}");
    }
}

/// What is kept in memcached is not kept here again.
#[test]
fn memcached_has_no_cache_before_it() {
    let text = "[cache_zone.z]\nkeys = \"1m\"\n[defaults.cache]\nzone = \"z\"\n[[server]]\n[[server.location]]\nmatch = \"/\"\n\
                memcached_pass = \"127.0.0.1:1\"\nmemcached.key = \"$uri\"\n";
    let config = propylon_config::parse(text, "test.toml").unwrap().config;
    let location = &config.servers[0].locations[0];
    let Action::ProxyPass(pass) = &location.action else { panic!("{:?}", location.action) };
    assert!(pass.value.is_memcached() && !pass.value.is_cgi());
    assert!(location.settings.cache.zone.is_none() && location.settings.upstream.force_ranges);
    assert_eq!(&*location.settings.effective.find("cache.zone").unwrap().value, "\"off\"");
}

/// All have the tables of all three protocols, and most write nothing of them.
#[test]
fn usual_params_are_there_once() {
    let text = "[[server]]\nreturn = [204]\n[[server.location]]\nmatch = \"/\"\nuwsgi_pass = \"127.0.0.1:1\"\n\
                [[server.location]]\nmatch = \"/own\"\nuwsgi_pass = \"127.0.0.1:1\"\nuwsgi.params = { SERVER_NAME = \"a\", B = \"b\" }\n\
                [[server.location]]\nmatch = \"/none\"\nuwsgi_pass = \"127.0.0.1:1\"\nuwsgi.default_params = false\n";
    let config = propylon_config::parse(text, "test.toml").unwrap().config;
    let server = &config.servers[0];
    let [usual, own, none] = [0, 1, 2].map(|n| &server.locations[n].settings);
    assert!(Arc::ptr_eq(&usual.uwsgi.params, &server.settings.uwsgi.params));
    for (one, other) in
        [(&usual.fastcgi.params, &own.fastcgi.params), (&usual.scgi.params, &none.scgi.params)]
    {
        assert!(Arc::ptr_eq(one, other));
    }
    let names = |params: &[Param]| params.iter().map(|param| param.name.to_string()).collect::<Vec<_>>();
    assert_eq!(usual.fastcgi.params.len(), 22);
    assert_eq!(names(&usual.uwsgi.params)[13..], ["CONTENT_LENGTH", "PATH_INFO"]);
    assert_eq!(names(&usual.scgi.params)[13..], ["SCRIPT_NAME", "PATH_INFO", "DOCUMENT_URI"]);
    let of_own = names(&own.uwsgi.params);
    assert_eq!((of_own.len(), &of_own[14..]), (16, &["SERVER_NAME".to_owned(), "B".to_owned()][..]));
    assert!(none.uwsgi.params.is_empty());
}

#[test]
fn grpc_is_http_2_both_ways() {
    let config = everything();
    let location = config.locations().find(|location| location.matcher.value.to_string() == "/test.Echo/");
    let location = location.expect("the location with grpc_pass");
    let Action::ProxyPass(pass) = &location.action else { panic!("{:?}", location.action) };
    assert!(pass.value.is_grpc() && !pass.value.is_cgi());
    let settings = &location.settings;
    assert_eq!(settings.upstream.http_version, UpstreamVersion::Http2);
    assert!(!settings.buffer.request && !settings.buffer.response);
    assert!(settings.redirect.rules.is_empty() && !settings.upstream.websocket);
    let told = settings.effective.find("buffer.request").expect("a key").to_string();
    assert!(
        told.starts_with("buffer.request = false # line ") && told.ends_with(", [[server.location]]"),
        "{told}"
    );
}

#[test]
fn grpc_keeps_nothing_unless_it_is_told_to() {
    let zone = |own: &str| {
        let text = format!(
            "[cache_zone.z]\npath = \"/tmp/z\"\n[[server]]\ncache.zone = \"z\"\n[[server.location]]\nmatch = \"/\"\n\
             grpc_pass = \"127.0.0.1:1\"\n{own}\n"
        );
        let loaded = propylon_config::parse(&text, "x.toml").unwrap_or_else(|report| panic!("{report}"));
        let settings = loaded.config.locations().next().unwrap().settings.clone();
        (settings.cache.zone.is_some(), settings.effective.find("cache.zone").unwrap().value.to_string())
    };
    assert_eq!(zone(""), (false, "\"off\"".to_owned()));
    assert_eq!(zone("cache.zone = \"z\""), (true, "\"z\"".to_owned()));
}
