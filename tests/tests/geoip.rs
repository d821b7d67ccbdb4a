//! What databases know of addresses, in decisions of a running gateway: beside nginx's module, over changes of the file and reloads.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use propylon_tests::{
    LIMIT, Nginx, Propylon, Signal, address, check, fill, lossy, raw_request, until, workspace,
};

fn data(name: &str) -> PathBuf {
    workspace().join("crates/geoip/tests/data").join(name)
}

/// Another file in the place of the one that was there, at once.
fn put(name: &str, path: &Path) {
    let new = path.with_extension("new");
    fs::copy(data(name), &new).unwrap();
    fs::rename(new, path).unwrap();
}

/// What is answered to somebody who says that he is `client`.
fn said(to: SocketAddr, client: &str, more: &str) -> String {
    let request =
        format!("GET / HTTP/1.1\r\nHost: a\r\nX-Client: {client}\r\n{more}Connection: close\r\n\r\n");
    raw_request(to, request.as_bytes()).unwrap().text()
}

const MODULE: (&str, &str) = ("ngx_http_geoip2_module.so", "libnginx-mod-http-geoip2");

/// All kinds of values, and where there is none. But for integers of 128 bits, which the module writes beyond its buffer.
const CONF: &str = r#"
http {
    access_log off;
    server_tokens off;
    geoip2 @DATA@/GeoIP2-City-Test.mmdb {
        $code source=$http_x_client country iso_code;
        $code_or default=ZZ source=$http_x_client country iso_code;
        $name source=$http_x_client country names ja;
        $city "default=no city" source=$http_x_client city names en;
        $region source=$http_x_client subdivisions 0 iso_code;
        $last source=$http_x_client subdivisions -1 names en;
        $second source=$http_x_client subdivisions 1 iso_code;
        $latitude source=$http_x_client location latitude;
        $longitude source=$http_x_client location longitude;
        $metro source=$http_x_client location metro_code;
        $map source=$http_x_client country;
        $too_far source=$http_x_client country iso_code more;
        $number source=$http_x_client country 0;
        $list source=$http_x_client subdivisions iso_code;
        $all source=$http_x_client;
        $own country iso_code;
        $made metadata build_epoch;
    }
    geoip2 @DATA@/MaxMind-DB-test-decoder.mmdb {
        $k_bool source=$http_x_client boolean;
        $k_bytes source=$http_x_client bytes;
        $k_double source=$http_x_client double;
        $k_float source=$http_x_client float;
        $k_int32 source=$http_x_client int32;
        $k_uint16 source=$http_x_client uint16;
        $k_uint32 source=$http_x_client uint32;
        $k_uint64 source=$http_x_client uint64;
        $k_string source=$http_x_client utf8_string;
        $k_deep source=$http_x_client map mapX arrayX 2;
    }
    geoip2 @DATA@/MaxMind-DB-string-value-entries.mmdb { $text source=$http_x_client; }
    geoip2 @DATA@/MaxMind-DB-test-ipv4-24.mmdb { $v4 source=$http_x_client ip; }
    geoip2 @DATA@/MaxMind-DB-test-broken-pointers-24.mmdb { $broken default=lost source=$http_x_client ip; }
    geoip2_proxy 127.0.0.0/8;
    geoip2_proxy 81.2.69.144/28;
    geoip2_proxy_recursive @RECURSIVE@;
    server {
        listen @LISTEN@;
        return 200 "$code|$code_or|$name|$city|$region|$last|$second|$latitude|$longitude|$metro|$map|$too_far|$number|$list|$all|$own|$made
$k_bool|$k_bytes|$k_double|$k_float|$k_int32|$k_uint16|$k_uint32|$k_uint64|$k_string|$k_deep|$text|$v4|$broken";
    }
}
"#;

const CLIENTS: &[&str] = &[
    "81.2.69.142",
    "81.2.69.160",
    "2001:218::1",
    "216.160.83.56",
    "::ffff:81.2.69.142",
    "2.125.160.216",
    "89.160.20.128",
    "175.16.199.1",
    "127.0.0.1",
    "0.0.0.0",
    "::",
    "::1",
    "1.1.1.1",
    "1.1.1.2",
    "1.1.1.3",
    "1.1.1.16",
    "1.1.1.17",
    "1.1.1.32",
    "1.1.1.33",
    "::1.1.1.1",
    "2001:db8::",
    "",
    "unix:",
    "nobody",
    "81.2.69",
    "81.2.69.142 ",
    "81.2.69.142, 1.1.1.1",
];

const FORWARDED: &[&str] = &[
    "",
    "X-Forwarded-For: 2001:218::1\r\n",
    "X-Forwarded-For: 216.160.83.56, 81.2.69.145\r\n",
    "X-Forwarded-For: 81.2.69.142, 127.0.0.1\r\n",
    "X-Forwarded-For: 81.2.69.142\r\nX-Forwarded-For: 127.0.0.1,127.0.0.2\r\n",
    "X-Forwarded-For: nobody\r\n",
    "X-Forwarded-For: 216.160.83.56, nobody\r\n",
];

#[test]
fn values_are_those_of_nginxs_module() {
    let directory = data("");
    let directory = directory.to_str().unwrap();
    for recursive in ["on", "off"] {
        let [ours, theirs] = [address(), address()];
        let conf = |listen: SocketAddr| {
            fill(CONF, &[("DATA", directory), ("LISTEN", &listen.to_string()), ("RECURSIVE", recursive)])
        };
        let _nginx = Nginx::start_with(&[MODULE], &conf(theirs));
        let _gateway = Propylon::start_nginx(&format!("events {{ }}\n{}", conf(ours)));
        let mut distinct = BTreeSet::new();
        let all = CLIENTS.iter().map(|client| (*client, "")).chain(FORWARDED.iter().map(|more| ("", *more)));
        for (client, more) in all {
            let (expected, found) = (said(theirs, client, more), said(ours, client, more));
            assert_eq!(found, expected, "{client:?} {more:?} {recursive}");
            distinct.insert(found);
        }
        assert!(distinct.len() > 12, "{}", distinct.len());
    }
}

/// A gateway of two workers with one database.
struct World {
    listen: SocketAddr,
    file: PathBuf,
    _directory: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self { listen: address(), file: directory.path().join("a.mmdb"), _directory: directory }
    }

    /// `more`: further keys of the database.
    fn config(&self, more: &str) -> String {
        let Self { listen, file, .. } = self;
        format!(
            "[runtime]\nworkers = 2\n[error_log]\npath = \"@DIR@/error.log\"\nlevel = \"info\"\n[geoip_database.one]\npath = {file:?}\n{more}\n\
             [geoip.ip]\ndatabase = \"one\"\ndata = [\"ip\"]\nkey = \"$http_x_client\"\ndefault = \"nothing of $http_x_client\"\n\
             [geoip.owner]\ndatabase = \"one\"\ndata = [\"autonomous_system_organization\"]\nkey = \"$http_x_client\"\n\
             [map.denied]\nkey = \"$owner\"\nvalues = {{ \"~^Telstra\" = \"1\" }}\n\
             [[server]]\nlisten = [\"{listen}\"]\nrewrite = [{{ if = \"$denied\", then = [{{ return = [403] }}] }}]\nreturn = [200, \"$ip\"]\n"
        )
    }

    /// Whichever worker is asked: each request is one of a connection of its own.
    #[track_caller]
    fn says(&self, client: &str, expected: &str) {
        for _ in 0..12 {
            assert_eq!(said(self.listen, client, ""), expected, "{client}");
        }
    }

    fn becomes(&self, client: &str, expected: &str) {
        until(expected, LIMIT, || (said(self.listen, client, "") == expected).then_some(()));
        self.says(client, expected);
    }

    fn denies(&self, client: &str) {
        let request = format!("GET / HTTP/1.1\r\nHost: a\r\nX-Client: {client}\r\nConnection: close\r\n\r\n");
        let status = || raw_request(self.listen, request.as_bytes()).unwrap().status;
        until("a refusal", LIMIT, || (status() == 403).then_some(()));
    }
}

#[test]
fn a_file_that_is_missing_is_a_fault_and_read_once_it_is_there() {
    let world = World::new();
    let checked = check(&world.config(""));
    let told = lossy(&checked.stderr);
    assert_eq!(checked.status.code(), Some(2), "{told}");
    assert!(told.contains("geoip database \"one\"") && told.contains("cannot be read"), "{told}");

    let gateway = Propylon::start(&world.config("auto_reload = \"100ms\""));
    world.says("1.1.1.3", "nothing of 1.1.1.3");
    gateway.tells("the database is empty");
    put("MaxMind-DB-test-ipv4-24.mmdb", &world.file);
    world.becomes("1.1.1.3", "1.1.1.2");
    world.says("2001:db8::1", "nothing of 2001:db8::1");
    gateway.tells("geoip database reloaded");

    // One that is no good is told, and changes nothing.
    fs::write(&world.file, "GEO-106FREE").unwrap();
    gateway.tells("cannot reload the geoip database");
    world.says("1.1.1.3", "1.1.1.2");
    let checked = check(&world.config(""));
    assert_eq!(checked.status.code(), Some(2), "{}", lossy(&checked.stderr));

    put("GeoLite2-ASN-Test.mmdb", &world.file);
    world.denies("1.128.0.1");
}

/// Without `auto_reload` a file that changed is read at the next reload, and not if that is refused.
#[test]
fn a_reload_reads_what_has_changed() {
    let world = World::new();
    put("MaxMind-DB-test-ipv4-24.mmdb", &world.file);
    let gateway = Propylon::start(&world.config(""));
    world.says("1.1.1.3", "1.1.1.2");
    put("GeoLite2-ASN-Test.mmdb", &world.file);
    gateway.rewrite(
        &world.config("").replace(
            "return = [200, \"$ip\"]",
            "root = \"/\"\naccess_log = { path = \"/nowhere/access.log\" }",
        ),
    );
    gateway.signal(Signal::HUP);
    gateway.tells("/nowhere/access.log");
    world.says("1.1.1.3", "1.1.1.2");
    world.says("1.128.0.1", "nothing of 1.128.0.1");

    gateway.put_to_use(&world.config(""));
    world.denies("1.128.0.1");
    world.says("1.1.1.3", "nothing of 1.1.1.3");

    // What is no good by then leaves what there is.
    fs::write(&world.file, "").unwrap();
    gateway.put_to_use(&world.config(""));
    gateway.tells("the previous database stays in use");
    world.denies("1.128.0.1");
}
