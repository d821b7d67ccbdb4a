//! `geoip2` of ngx_http_geoip2_module, and nginx's own `geoip_country`, `geoip_city` and `geoip_org` where their files are MaxMind's of today.

use crate::args::{self, invalid};
use crate::context::Contexts;
use crate::convert::{Convert, Done, Outcome, Stop, different, refuse};
use crate::document::{Section, Value, key};
use crate::frame::Frame;
use crate::lexer::Word;
use crate::place::Problem;
use crate::row::{BLOCK_ONE, ONE, ONE_OR_TWO, Row, To};
use crate::tree::Directive;

const BOTH: Contexts = Contexts::HTTP.or(Contexts::STREAM);
const GEOIP2: &str = "From ngx_http_geoip2_module. Supported in the block: `auto_reload`, `$variable [default=] [source=] \
                      PATH...`, `$variable metadata FIELD`. A file that cannot be read is reported in the error log and by \
                      `check`, but is not a configuration error, and `last_change` is the time when the file was read.";
const LEGACY: &str = "the legacy format (`.dat`), which MaxMind discontinued in 2022, is not supported: specify a GeoLite2 \
                      or GeoIP2 `.mmdb` file here, or use `geoip2`";
const MODERN: &str = "values come from the `.mmdb` file: there is no `..._code3` and no `$geoip_area_code`, and fractions \
                      have five decimals";

pub(crate) const ROWS: &[Row] = &[
    Row::new("geoip2", BOTH, BLOCK_ONE, To::By(geoip2, "geoip_database, geoip")).repeats().note(GEOIP2),
    Row::new("geoip2_proxy", BOTH, ONE, To::By(proxy, "geoip.NAME.proxies")).repeats(),
    Row::new("geoip2_proxy_recursive", BOTH, ONE, To::By(recursive, "geoip.NAME.proxy_recursive")),
    Row::new("geoip_country", BOTH, ONE_OR_TWO, To::By(country, "geoip_database, geoip")).differs(OLD),
    Row::new("geoip_city", BOTH, ONE_OR_TWO, To::By(city, "geoip_database, geoip"))
        .differs("As `geoip_country`."),
    Row::new("geoip_org", BOTH, ONE_OR_TWO, To::By(org, "geoip_database, geoip")).differs(ORG),
    Row::new("geoip_proxy", BOTH, ONE, To::By(proxy, "geoip.NAME.proxies")).repeats(),
    Row::new("geoip_proxy_recursive", BOTH, ONE, To::By(recursive, "geoip.NAME.proxy_recursive")),
];

const OLD: &str = "Only with an `.mmdb` file: the legacy format (`.dat`), which MaxMind discontinued in 2022, is refused. \
                   Values come from the `.mmdb` file: there is no `..._code3` and no `$geoip_area_code`, and fractions have \
                   five decimals.";
const ORG: &str = "As `geoip_country`. The variable is the value `organization`, or `autonomous_system_organization` if the \
                   file's name contains \"ASN\".";

type Variables = &'static [(&'static str, &'static [&'static str])];

const COUNTRY: Variables =
    &[("geoip_country_code", &["country", "iso_code"]), ("geoip_country_name", &["country", "names", "en"])];

const CITY: Variables = &[
    ("geoip_city_continent_code", &["continent", "code"]),
    ("geoip_city_country_code", &["country", "iso_code"]),
    ("geoip_city_country_name", &["country", "names", "en"]),
    ("geoip_region", &["subdivisions", "0", "iso_code"]),
    ("geoip_region_name", &["subdivisions", "0", "names", "en"]),
    ("geoip_city", &["city", "names", "en"]),
    ("geoip_postal_code", &["postal", "code"]),
    ("geoip_latitude", &["location", "latitude"]),
    ("geoip_longitude", &["location", "longitude"]),
    ("geoip_dma_code", &["location", "metro_code"]),
];

const ORGANIZATION: Variables = &[("geoip_org", &["organization"])];
const ASN: Variables = &[("geoip_org", &["autonomous_system_organization"])];

fn geoip2(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let Some(block) = directive.block() else { return Ok(Done::AsWritten) };
    let file = directive.arg(0);
    if convert.frame().collected("geoip2").iter().any(|known| known.text == file) {
        return Err(invalid(directive, 0, format!("Duplicate GeoIP2 mmdb - {file}")));
    }
    convert.frame_mut().collect("geoip2", directive.args());
    let name = database(convert, directive);
    convert.entries(block, |convert, entry| match (entry.name(), entry.args().len()) {
        ("auto_reload", 1) => auto_reload(convert, &name, entry),
        ("auto_reload", _) => Err(wrong(entry, "invalid number of arguments for auto_reload")),
        (text, _) if text.starts_with('$') => variable(convert, &name, entry),
        (text, _) => Err(wrong(entry, &format!("invalid setting \"{text}\""))),
    });
    convert.keep_pending(block.below.iter().cloned());
    Ok(Done::AsWritten)
}

fn auto_reload(convert: &mut Convert<'_>, database: &str, entry: &Directive) -> Outcome {
    let text = entry.arg(0);
    let Some(every) = args::duration(text) else {
        return Err(wrong(entry, &format!("invalid interval for auto_reload \"{text}\"")));
    };
    if let Some(section) = section(convert, &header(database)).filter(|_| every != "0") {
        entry.above.iter().for_each(|comment| section.comment(comment.clone()));
        section.set(&["auto_reload"], Value::text(every).at(entry.place_of(0)), Some(&entry.place));
        entry.beside.iter().for_each(|note| section.beside(note));
    }
    Ok(Done::AsWritten)
}

fn variable(convert: &mut Convert<'_>, database: &str, entry: &Directive) -> Outcome {
    let name = entry.name().trim_start_matches('$');
    if name.is_empty() {
        return Err(wrong(entry, &format!("invalid variable name \"{}\"", entry.name())));
    }
    let mut section = of_database(name, database, entry, &entry.above);
    entry.beside.iter().for_each(|note| section.beside(note));
    if entry.arg(0) == "metadata" {
        let field = entry.arg(1);
        if !matches!(field, "build_epoch" | "last_check" | "last_change") || entry.args().len() > 2 {
            return refuse(format!("unknown metadata \"{field}\": the variable would always be empty"));
        }
        section.set(&["metadata"], Value::text(field).at(entry.place_of(1)), Some(&entry.place));
        write(convert, name, section);
        return Ok(Done::AsWritten);
    }
    let settings = entry.args().iter().take_while(|word| word.text.contains('=')).count();
    for index in 0..settings {
        setting(&mut section, name, entry, index)?;
    }
    let names =
        (settings..entry.args().len()).map(|index| Value::text(entry.arg(index)).at(entry.place_of(index)));
    section.set(&["data"], Value::List(names.collect()), Some(&entry.place));
    if !section.has(&["key"]) {
        behind_proxies(convert, "geoip2_proxied", name, entry);
    }
    write(convert, name, section);
    Ok(Done::AsWritten)
}

fn setting(section: &mut Section, name: &str, entry: &Directive, index: usize) -> Result<(), Stop> {
    let text = entry.arg(index);
    let (what, value) = text.split_once('=').unwrap_or((text, ""));
    let known = match what {
        "default" if !value.is_empty() => "default",
        "source" if value.starts_with('$') => "key",
        "source" if !value.is_empty() => {
            return Err(invalid(entry, index, format!("invalid source variable name \"{value}\"")));
        }
        _ => return Err(invalid(entry, index, format!("invalid setting \"{text}\" for \"${name}\""))),
    };
    if section.has(&[known]) {
        return Err(invalid(entry, index, format!("{what} has already been declared for  \"${name}\"")));
    }
    if known == "default" && value.contains('$') {
        return refuse("nginx takes the `$` in this value as text, but here it would begin a variable");
    }
    section.set(&[known], Value::text(value).at(entry.place_of(index)), Some(&entry.place));
    Ok(())
}

fn country(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    old(convert, directive, COUNTRY)
}

fn city(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    old(convert, directive, CITY)
}

fn org(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let asn = directive.arg(0).to_ascii_lowercase().contains("asn");
    old(convert, directive, if asn { ASN } else { ORGANIZATION })
}

/// A directive of nginx's own module, whose variables have names of their own.
fn old(convert: &mut Convert<'_>, directive: &Directive, variables: Variables) -> Outcome {
    if directive.args().len() == 2 && directive.arg(1) != "utf8" {
        return Err(invalid(directive, 1, format!("invalid parameter \"{}\"", directive.arg(1))));
    }
    if !directive.arg(0).to_ascii_lowercase().ends_with(".mmdb") {
        return refuse(LEGACY);
    }
    let database = database(convert, directive);
    for (name, path) in variables {
        let mut section = of_database(name, &database, directive, &[]);
        let names = path.iter().map(|name| Value::text(*name));
        section.set(&["data"], Value::List(names.collect()), Some(&directive.place));
        behind_proxies(convert, "geoip_proxied", name, directive);
        write(convert, name, section);
    }
    different(MODERN)
}

/// The name of a file's database, which is there from here on: several directives may have the same file.
fn database(convert: &mut Convert<'_>, directive: &Directive) -> String {
    let (path, place) = (directive.arg(0), directive.place_of(0));
    let known = convert.frame().collected("geoip_files");
    let mut earlier = known.iter().take_while(|known| known.text != path);
    let taken = earlier.any(|known| stem(&known.text) == stem(path));
    let name = if taken { path } else { stem(path) }.to_owned();
    if section(convert, &header(&name)).is_none() {
        let above = convert.take_pending();
        let mut section = Section::of(header(&name), &directive.place, &above, directive.beside.as_ref());
        section.set(&["path"], Value::text(path).at(place), Some(place));
        convert.named().push(section);
        convert.frame_mut().collect("geoip_files", &[Word { text: path.to_owned(), place: place.clone() }]);
    }
    name
}

fn header(database: &str) -> String {
    format!("[geoip_database.{}]", key(database))
}

fn variable_header(name: &str) -> String {
    format!("[geoip.{}]", key(name))
}

fn stem(path: &str) -> &str {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.rsplit_once('.').map_or(file, |(stem, _)| stem)
}

/// The section of a variable.
fn of_database(name: &str, database: &str, directive: &Directive, above: &[String]) -> Section {
    let mut section = Section::of(variable_header(name), &directive.place, above, None);
    section.set(&["database"], Value::text(database), Some(&directive.place));
    section
}

/// Of two that define the same the later counts.
fn write(convert: &mut Convert<'_>, name: &str, section: Section) {
    convert.named().retain(|known| !known.is_called(&variable_header(name)));
    convert.named().push(section);
}

fn section<'c>(convert: &'c mut Convert<'_>, header: &str) -> Option<&'c mut Section> {
    convert.named().iter_mut().find(|section| section.is_called(header))
}

/// The variable is that of a client, whom proxies may speak for: which is known at the end.
fn behind_proxies(convert: &mut Convert<'_>, of: &'static str, name: &str, directive: &Directive) {
    convert.frame_mut().collect(of, &[Word { text: variable_header(name), place: directive.place.clone() }]);
}

fn proxy(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let of = if directive.name() == "geoip2_proxy" { "geoip2_proxy" } else { "geoip_proxy" };
    convert.frame_mut().collect(of, directive.args());
    Ok(Done::AsWritten)
}

fn recursive(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let of =
        if directive.name() == "geoip2_proxy_recursive" { "geoip2_recursive" } else { "geoip_recursive" };
    if args::flag(directive, 0)? {
        convert.frame_mut().collect(of, directive.args());
    }
    Ok(Done::AsWritten)
}

/// Now that all of `http` is known: the variables get its proxies.
pub(super) fn finish(frame: &Frame, convert: &mut Convert<'_>) {
    for (of, proxies, recursive) in [
        ("geoip2_proxied", "geoip2_proxy", "geoip2_recursive"),
        ("geoip_proxied", "geoip_proxy", "geoip_recursive"),
    ] {
        let proxies = frame.collected(proxies);
        if proxies.is_empty() {
            continue;
        }
        let variables = frame.collected(of);
        let sections = match frame.context {
            Contexts::STREAM => convert.document.stream_named.iter_mut(),
            _ => convert.document.named.iter_mut(),
        };
        for section in sections.filter(|section| variables.iter().any(|word| section.is_called(&word.text))) {
            for word in proxies {
                section.push(&["proxies"], Value::text(&word.text).at(&word.place), Some(&word.place));
            }
            if let Some(word) = frame.collected(recursive).first() {
                section.set(&["proxy_recursive"], Value::flag(true), Some(&word.place));
            }
        }
    }
}

fn wrong(entry: &Directive, message: &str) -> Stop {
    Stop::Invalid(Problem::new(&entry.place, message))
}
