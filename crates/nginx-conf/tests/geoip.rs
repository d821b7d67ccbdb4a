//! `geoip2` and its relatives.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::path::Path;
use std::time::Duration;

use propylon_config::{Config, GeoipData};
use propylon_nginx_conf::{Converted, Verdict, convert};

fn of(directives: &str) -> Result<Converted, String> {
    let text =
        format!("events {{ }}\nhttp {{\n{directives}\nserver {{ listen 127.0.0.1:8080; return 204; }}\n}}\n");
    convert(&text, "nginx.conf").map_err(|problems| problems[0].to_string())
}

fn loaded(converted: &Converted) -> Config {
    let loaded = converted.load();
    loaded.unwrap_or_else(|problems| panic!("{}\n{}", problems[0], converted.toml())).config
}

#[test]
fn databases_and_variables() {
    let text = "geoip2_proxy 10.0.0.0/8;\n\
                geoip2 /usr/share/GeoIP/GeoLite2-Country.mmdb { # countries\n auto_reload 5m;\n\
                $geoip2_build metadata build_epoch;\n\
                # where the client is\n\
                $geoip2_code default=US source=$http_x_real_ip country iso_code;\n\
                $geoip2_name \"default=United States\" country names en; # in English\n}\n\
                geoip2 /srv/GeoLite2-Country.mmdb { auto_reload 0; $geoip2_region subdivisions 0 iso_code; $whole; }\n\
                geoip2_proxy 2001:db8::/32;\ngeoip2_proxy_recursive on;";
    let converted = of(text).unwrap();
    assert_eq!(converted.count(Verdict::Exact), converted.lines().len(), "{}", converted.report());
    let toml = converted.toml();
    for part in [
        "[geoip_database.GeoLite2-Country]\npath = \"/usr/share/GeoIP/GeoLite2-Country.mmdb\"\n# countries\nauto_reload",
        "[geoip_database.\"/srv/GeoLite2-Country.mmdb\"]",
        "auto_reload = \"5m\"",
        "# where the client is\n[geoip.geoip2_code]",
        "default = \"United States\"",
        "# in English",
        "data = [\"subdivisions\", \"0\", \"iso_code\"]",
    ] {
        assert!(toml.contains(part), "{part}\n{toml}");
    }
    let proxied = |name: &str| {
        let (_, from) = toml.split_once(&format!("[geoip.{name}]")).unwrap();
        let section = from.split("\n\n").next().unwrap();
        let both = "proxies = [\"10.0.0.0/8\", \"2001:db8::/32\"]";
        (section.contains(both), section.contains("proxy_recursive = true"))
    };
    assert_eq!(proxied("geoip2_name"), (true, true));
    assert_eq!(proxied("geoip2_region"), (true, true));
    // What has a source of its own does without.
    assert_eq!(proxied("geoip2_code"), (false, false));
    assert_eq!(proxied("geoip2_build"), (false, false));

    let config = loaded(&converted);
    let all: Vec<_> =
        config.geoip_databases.values().map(|database| (&*database.path, database.auto_reload)).collect();
    let (one, two) = ("/usr/share/GeoIP/GeoLite2-Country.mmdb", "/srv/GeoLite2-Country.mmdb");
    assert_eq!(all, [(Path::new(one), Some(Duration::from_secs(300))), (Path::new(two), None)]);
    let data: Vec<_> = config.geoip.iter().map(|variable| &variable.data).collect();
    assert!(
        data.contains(&&GeoipData::BuildEpoch) && data.contains(&&GeoipData::Path(Vec::new())),
        "{data:?}"
    );
}

#[test]
fn of_two_variables_of_one_name_the_later_counts() {
    let converted = of("geoip2 a.mmdb { $x country; $x city; }\ngeoip2 b.mmdb { $x asn; }").unwrap();
    let config = loaded(&converted);
    assert_eq!(config.geoip.len(), 1);
    assert_eq!(config.geoip[0].data, GeoipData::Path(vec!["asn".into()]));
    assert_eq!(&*config.geoip[0].database.path, Path::new("b.mmdb"));
}

/// nginx's own directives read files that are no more; their variables are what those of today say.
#[test]
fn directives_of_old_with_files_of_today() {
    let text = "geoip_proxy 10.0.0.1;\ngeoip_country c.mmdb utf8;\ngeoip_city City.mmdb;\ngeoip_org GeoLite2-ASN.mmdb;\n\
                geoip_proxy_recursive off;\ngeoip2 City.mmdb { auto_reload 1m; $zone location time_zone; }";
    let converted = of(text).unwrap();
    assert_eq!(converted.count(Verdict::Different), 3, "{}", converted.report());
    let config = loaded(&converted);
    assert_eq!(config.geoip_databases.len(), 3, "a file is read once");
    assert_eq!(config.geoip.len(), 2 + 10 + 1 + 1);
    let names: Vec<&str> = config.definitions.known_names().collect();
    for name in ["geoip_country_code", "geoip_city", "geoip_region", "geoip_org", "geoip_dma_code", "zone"] {
        assert!(names.contains(&name), "{name}");
    }
    let toml = converted.toml();
    assert_eq!(toml.matches("proxies = [\"10.0.0.1\"]").count(), 13, "{toml}");
    assert!(!toml.contains("proxy_recursive"), "{toml}");
    assert!(toml.contains("autonomous_system_organization"), "{toml}");
    let other = of("geoip_org GeoIP2-ISP.mmdb;").unwrap();
    assert!(other.toml().contains("[\"organization\"]"), "{}", other.toml());
}

#[test]
fn what_is_not_built_is_refused() {
    let check = |directives: &str, why: &str| {
        let converted = of(directives).unwrap();
        assert_eq!(converted.count(Verdict::Refused), 1, "{}", converted.report());
        assert!(converted.report().contains(why), "{}", converted.report());
    };
    check("geoip_country /usr/share/GeoIP/GeoIP.dat;", "the legacy format (`.dat`)");
    check("geoip_city GeoLiteCity.dat utf8;", "specify a GeoLite2 or GeoIP2 `.mmdb` file");
    check("geoip2 a.mmdb { $x metadata node_count; }", "unknown metadata \"node_count\"");
    check("geoip2 a.mmdb { $x default=$y country; }", "the `$` in this value");
}

#[test]
fn what_is_wrong_is_told_as_nginx_would() {
    let check = |directives: &str, expected: &str| {
        let problem = of(directives).err().unwrap_or_else(|| panic!("{directives}: nothing is wrong"));
        assert!(problem.contains(expected), "{directives}: {problem}");
    };
    check("geoip2 a.mmdb;", "has no opening");
    check("geoip2 { }", "invalid number of arguments");
    check("geoip2 a.mmdb { } geoip2 a.mmdb { }", "Duplicate GeoIP2 mmdb - a.mmdb");
    check("geoip2 a.mmdb { auto_reload; }", "invalid number of arguments for auto_reload");
    check("geoip2 a.mmdb { auto_reload soon; }", "invalid interval for auto_reload \"soon\"");
    check("geoip2 a.mmdb { reload 5m; }", "invalid setting \"reload\"");
    check("geoip2 a.mmdb { $ country; }", "invalid variable name \"$\"");
    check("geoip2 a.mmdb { $x default= country; }", "invalid setting \"default=\" for \"$x\"");
    check("geoip2 a.mmdb { $x other=1 country; }", "invalid setting \"other=1\"");
    check("geoip2 a.mmdb { $x source=ip country; }", "invalid source variable name \"ip\"");
    check("geoip2 a.mmdb { $x default=a default=b country; }", "default has already been declared");
    check("geoip2 a.mmdb { $x source=$a source=$b country; }", "source has already been declared");
    check("geoip2_proxy_recursive yes;", "must be \"on\" or \"off\"");
    check("geoip_country a.mmdb utf16;", "invalid parameter \"utf16\"");
    check("geoip_country a.mmdb; geoip_country b.mmdb;", "is duplicate");
}
