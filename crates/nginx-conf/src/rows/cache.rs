//! `proxy_cache*` and its like of `fastcgi_*`, `uwsgi_*` and `scgi_*`: which responses are kept, and where.

use super::proxy;
use super::store::alone;
use crate::args::{self, invalid};
use crate::context::Contexts;
use crate::convert::{Convert, Done, Outcome, Stop, Target, different, refuse};
use crate::document::{Section, Value, key};
use crate::lexer::Word;
use crate::row::{As, ONE, Row, SOME, TWO_OR_MORE, To};
use crate::tree::Directive;

const HTTP: Contexts = Contexts::HTTP;
const LEVELS: Contexts = Contexts::LEVELS;
const ZONE: &str =
    "`use_temp_path` has no effect: temporary files are always written next to their destination.";
const PURGE: &str = "nginx Plus' form with conditions is supported, and both forms of the third-party module \
                     ngx_cache_purge: with a zone and a key, the location answers and removes that key; `PURGE from \
                     127.0.0.1` sets a method and the addresses that may use it.";
const SLICE: &str = "`$slice_range` need not be used in `Range` and the cache key: where it is missing, the gateway adds \
                     the range itself. If the first slice is invalid, the client gets 502. The gateway evaluates \
                     conditional requests itself.";

macro_rules! rows {
    ($($cache:literal $args:ident $key:literal $(, $more:ident $($note:ident)?)?;)*) => {
        &[
            Row::new("proxy_cache_path", HTTP, TWO_OR_MORE, To::By(zone, "cache_zone")).repeats().note(ZONE),
            Row::new("fastcgi_cache_path", HTTP, TWO_OR_MORE, To::By(zone, "cache_zone")).repeats().note(ZONE),
            Row::new("uwsgi_cache_path", HTTP, TWO_OR_MORE, To::By(zone, "cache_zone")).repeats().note(ZONE),
            Row::new("scgi_cache_path", HTTP, TWO_OR_MORE, To::By(zone, "cache_zone")).repeats().note(ZONE),
            $(
                Row::new(concat!("proxy_", $cache), LEVELS, $args, To::By(setting, $key))$(.$more($($note)?))?,
                Row::new(concat!("fastcgi_", $cache), LEVELS, $args, To::By(setting, $key))$(.$more($($note)?))?,
                Row::new(concat!("uwsgi_", $cache), LEVELS, $args, To::By(setting, $key))$(.$more($($note)?))?,
                Row::new(concat!("scgi_", $cache), LEVELS, $args, To::By(setting, $key))$(.$more($($note)?))?,
            )*
            Row::new("slice", LEVELS, ONE, To::Key(&["slice"], As::Size)).note(SLICE),
        ]
    };
}

pub(crate) const ROWS: &[Row] = rows! {
    "cache" ONE "cache.zone";
    "cache_key" ONE "cache.key";
    "cache_valid" SOME "cache.valid", repeats;
    "cache_methods" SOME "cache.methods", repeats;
    "cache_min_uses" ONE "cache.min_uses";
    "cache_bypass" SOME "cache.bypass", repeats;
    "no_cache" SOME "cache.no_cache", repeats;
    "cache_use_stale" SOME "cache.use_stale", repeats;
    "cache_lock" ONE "cache.lock";
    "cache_lock_timeout" ONE "cache.lock_timeout";
    "cache_lock_age" ONE "cache.lock_age";
    "cache_background_update" ONE "cache.background_update";
    "cache_revalidate" ONE "cache.revalidate";
    "cache_convert_head" ONE "cache.convert_head";
    "cache_max_range_offset" ONE "cache.max_range_offset";
    "cache_purge" SOME "cache.purge, purge", note PURGE;
};

/// The path of a key of the table, which may wait for a place that speaks the directive's protocol.
fn path<'k>(directive: &Directive, key: &'k str) -> Vec<&'k str> {
    proxy::path(directive, &["cache", key])
}

fn setting(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    // Without the protocol.
    let name = directive.name().split_once('_').map_or("", |(_, name)| name);
    let (key, value) = match name {
        "cache" => return named(convert, directive),
        "cache_valid" => return valid(convert, directive),
        "cache_purge" => return purge(convert, directive),
        "cache_bypass" => return conditions(convert, directive, "bypass"),
        "no_cache" => return conditions(convert, directive, "no_cache"),
        "cache_methods" => return words(convert, directive, "methods", &["GET", "HEAD", "POST"]),
        "cache_use_stale" => {
            return words(convert, directive, "use_stale", propylon_config::CACHE_STALE);
        }
        "cache_key" => ("key", convert.value(directive, 0, As::Text)?),
        "cache_min_uses" => {
            ("min_uses", Value::number(args::number(directive, 0)?.max(1)).at(directive.place_of(0)))
        }
        "cache_lock" => ("lock", convert.value(directive, 0, As::Flag)?),
        "cache_lock_timeout" => ("lock_timeout", convert.value(directive, 0, As::Time)?),
        "cache_lock_age" => ("lock_age", convert.value(directive, 0, As::Time)?),
        "cache_background_update" => ("background_update", convert.value(directive, 0, As::Flag)?),
        "cache_revalidate" => ("revalidate", convert.value(directive, 0, As::Flag)?),
        "cache_convert_head" => ("convert_head", convert.value(directive, 0, As::Flag)?),
        _ => ("max_range_offset", convert.value(directive, 0, As::Size)?),
    };
    convert.set(Target::Here, &path(directive, key), value, &directive.place);
    Ok(Done::AsWritten)
}

fn words(convert: &mut Convert<'_>, directive: &Directive, key: &str, known: &[&'static str]) -> Outcome {
    for index in 0..directive.args().len() {
        let word = Value::text(args::one_of(directive, index, known)?).at(directive.place_of(index));
        convert.push(Target::Here, &path(directive, key), word, &directive.place);
    }
    Ok(Done::AsWritten)
}

fn named(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let zone = convert.value(directive, 0, As::Text)?;
    if directive.arg(0) != "off" {
        let store = proxy::path(directive, &["store", "to"]);
        alone(convert, directive, &store, &directive.name().replace("cache", "store"))?;
    }
    convert.set(Target::Here, &path(directive, "zone"), zone, &directive.place);
    convert.set(Target::Here, &path(directive, "mode"), Value::text("nginx"), &directive.place);
    Ok(Done::AsWritten)
}

fn conditions(convert: &mut Convert<'_>, directive: &Directive, key: &str) -> Outcome {
    for index in 0..directive.args().len() {
        let value = convert.value(directive, index, As::Text)?;
        convert.push(Target::Here, &path(directive, key), value, &directive.place);
    }
    Ok(Done::AsWritten)
}

fn valid(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let (codes, last) = (directive.args().len() - 1, directive.args().len() - 1);
    let Some(time) = args::duration(directive.arg(last)) else {
        return Err(invalid(directive, last, format!("invalid time value \"{}\"", directive.arg(last))));
    };
    for index in 0..codes {
        let text = directive.arg(index);
        if text != "any" && !args::digits(text).is_some_and(|code| (100..=599).contains(&code)) {
            return Err(invalid(directive, index, format!("invalid status \"{text}\"")));
        }
    }
    let rule = match codes {
        0 => "200 301 302".to_owned(),
        _ => directive.args().iter().take(codes).map(|word| &*word.text).collect::<Vec<_>>().join(" "),
    };
    let path = path(directive, "valid");
    let mut rules = match convert.section(Target::Here).take(&path) {
        Some(Value::Table(rules)) => rules,
        _ => Vec::new(),
    };
    // The first one that has the status counts.
    if !rules.iter().any(|(known, _)| *known == rule) {
        rules.push((rule, Value::text(time).at(directive.place_of(last))));
    }
    convert.set(Target::Here, &path, Value::Table(rules), &directive.place);
    Ok(Done::AsWritten)
}

fn purge(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let all = || Value::List(vec![Value::text("all")]);
    let zone = directive.arg(0);
    if directive.args().len() == 2 && !zone.contains('$') && directive.arg(1).contains('$') {
        if convert.frame().context != Contexts::LOCATION {
            return refuse("the form with a zone and a key is the action of a location: move it into one");
        }
        let zone = Value::text(zone).at(directive.place_of(0));
        let key = Value::text(directive.arg(1)).at(directive.place_of(1));
        let purge = Value::table([("zone", zone), ("key", key), ("allow", all())]);
        convert.set(Target::Here, &["purge"], purge, &directive.place);
        return different(ANYBODY);
    }
    let words: Vec<&str> = directive.args().iter().map(|word| &*word.text).collect();
    let text = |index: usize| Value::text(directive.arg(index)).at(directive.place_of(index));
    let (methods, when, allow, done) = match words.as_slice() {
        ["off"] => {
            convert.set(Target::Here, &path(directive, "purge"), Value::flag(false), &directive.place);
            return Ok(Done::AsWritten);
        }
        [method] if is_method(method) => {
            (vec![purges(directive)], Vec::new(), all(), different(format!("{ANSWER}; {ANYBODY}")))
        }
        [method, "from", _, ..] if is_method(method) => {
            let allow = Value::List((2..words.len()).map(text).collect());
            (vec![purges(directive)], Vec::new(), allow, different(ANSWER))
        }
        words if words.iter().all(|word| word.contains('$')) => {
            let when: Result<Vec<Value>, Stop> =
                (0..words.len()).map(|index| convert.value(directive, index, As::Text)).collect();
            (Vec::new(), when?, all(), Ok(Done::AsWritten))
        }
        _ => return refuse("a text without variables would turn every request into a purge"),
    };
    let purge =
        Value::table([("methods", Value::List(methods)), ("when", Value::List(when)), ("allow", allow)]);
    convert.set(Target::Here, &path(directive, "purge"), purge, &directive.place);
    done
}

const ANSWER: &str = "a purge is answered with 204 without a body, or with 404 if nothing was cached";
const ANYBODY: &str = "everyone who can reach this location may purge: restrict it with `allow` and `deny`";

/// The word of the third-party form: `on` or a method, which `1` is not.
fn is_method(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_alphabetic())
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

fn purges(directive: &Directive) -> Value {
    let method = directive.arg(0);
    Value::text(if method == "on" { "PURGE" } else { method }).at(directive.place_of(0))
}

fn zone(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let mut found = None;
    let mut levels = Value::List(Vec::new());
    let mut keys: Vec<(&str, Value)> = Vec::new();
    let mut purger = false;
    for (index, word) in directive.args().iter().enumerate().skip(1) {
        let (name, text) = word.text.split_once('=').unwrap_or((&word.text, ""));
        let wrong = |what: &str| invalid(directive, index, format!("invalid {what} \"{}\"", word.text));
        let time = || args::duration(text).map(Value::text);
        let size = || propylon_config::size(text).ok().map(|_| Value::text(text));
        let number = || args::digits(text).filter(|number| *number > 0).map(Value::number);
        let (known, value) = match name {
            "levels" => {
                levels = self::levels(text).ok_or_else(|| wrong("\"levels\""))?.at(&word.place);
                continue;
            }
            "keys_zone" => {
                let (zone, size) = text.split_once(':').ok_or_else(|| wrong("keys zone size"))?;
                let bytes = propylon_config::size(size).map_err(|_| wrong("keys zone size"))?;
                if bytes < 8 << 10 {
                    return Err(invalid(
                        directive,
                        index,
                        format!("keys zone \"{}\" is too small", word.text),
                    ));
                }
                found = Some((index, word, zone));
                ("keys", Some(Value::text(size)))
            }
            "use_temp_path" if matches!(text, "on" | "off") => continue,
            "purger" | "purger_files" | "purger_sleep" | "purger_threshold" => {
                purger = true;
                continue;
            }
            "inactive" => ("inactive", time()),
            "max_size" => ("max_size", size()),
            "min_free" => ("min_free", size()),
            "manager_files" => ("manager_files", number()),
            "manager_sleep" => ("manager_sleep", time()),
            "manager_threshold" => ("manager_threshold", time()),
            "loader_files" => ("loader_files", number()),
            "loader_sleep" => ("loader_sleep", time()),
            "loader_threshold" => ("loader_threshold", time()),
            _ => return Err(wrong("parameter")),
        };
        keys.push((known, value.ok_or_else(|| wrong(&format!("{known} value")))?.at(&word.place)));
    }
    let Some((index, word, name)) = found.filter(|(.., name)| !name.is_empty()) else {
        return Err(invalid(
            directive,
            0,
            format!("\"{}\" must have \"keys_zone\" parameter", directive.name()),
        ));
    };
    if convert.frame().collected("caches").iter().any(|known| known.text == name) {
        return Err(invalid(directive, index, format!("duplicate zone \"{name}\"")));
    }
    convert.frame_mut().collect("caches", &[Word { text: name.to_owned(), place: word.place.clone() }]);
    let above = convert.take_pending();
    let header = format!("[cache_zone.{}]", key(name));
    let mut section = Section::of(header, &directive.place, &above, directive.beside.as_ref());
    let place = directive.place_of(0);
    section.set(&["path"], convert.value(directive, 0, As::Path)?, Some(place));
    section.set(&["levels"], levels, Some(&directive.place));
    for (known, value) in keys {
        section.set(&[known], value, Some(&directive.place));
    }
    convert.document.named.push(section);
    if purger {
        different("there is no purger process: a purge removes entries at once")
    } else {
        Ok(Done::AsWritten)
    }
}

/// `1:2`
fn levels(text: &str) -> Option<Value> {
    let levels: Vec<&str> = text.split(':').collect();
    let fits = levels.len() <= 3 && levels.iter().all(|level| matches!(*level, "1" | "2"));
    fits.then(|| Value::List(levels.into_iter().map(|level| Value::Raw(level.to_owned())).collect()))
}
