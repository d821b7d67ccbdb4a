//! Static files: where they are, which one answers, how it is sent.

use crate::args::{self, invalid};
use crate::context::Contexts;
use crate::convert::{Convert, Done, Outcome, Target, different};
use crate::document::Value;
use crate::row::{As, BLOCK, ONE, ONE_OR_TWO, Row, SOME, TWO_OR_MORE, To};
use crate::tree::Directive;

const LEVELS: Contexts = Contexts::LEVELS;
const SERVER_LOCATION: Contexts = Contexts::SERVER.or(Contexts::LOCATION);

pub(crate) const ROWS: &[Row] = &[
    Row::new("root", Contexts::LEVELS_IF, ONE, To::Key(&["root"], As::Path)),
    Row::new("alias", Contexts::LOCATION, ONE, To::Key(&["alias"], As::Path)),
    Row::new("index", LEVELS, SOME, To::List(&["index"], As::Text)),
    Row::new("try_files", SERVER_LOCATION, TWO_OR_MORE, To::List(&["try_files"], As::Text)),
    Row::new("types", LEVELS, BLOCK, To::By(types, "files.types")).repeats(),
    Row::new("default_type", LEVELS, ONE, To::Key(&["files", "default_type"], As::Text)),
    Row::new("etag", LEVELS, ONE, To::Key(&["files", "etag"], As::Flag)),
    Row::new("if_modified_since", LEVELS, ONE, To::By(if_modified_since, "files.if_modified_since")),
    Row::new("max_ranges", LEVELS, ONE, To::Key(&["files", "max_ranges"], As::Number)),
    Row::new("log_not_found", LEVELS, ONE, To::Key(&["files", "log_not_found"], As::Flag)),
    Row::new("disable_symlinks", LEVELS, ONE_OR_TWO, To::By(symlinks, "files.symlinks, files.symlinks_from")),
    Row::new("brotli_static", LEVELS, ONE, To::By(gzip_static, "files.precompressed")),
    Row::new("zstd_static", LEVELS, ONE, To::By(gzip_static, "files.precompressed")),
    Row::new("gzip_static", LEVELS, ONE, To::By(gzip_static, "files.precompressed"))
        .note("`Vary` is sent whatever `gzip_vary` says, and compressed files support range requests."),
    Row::new("random_index", Contexts::LOCATION, ONE, To::Key(&["files", "random_index"], As::Flag))
        .note("Files that `disable_symlinks` forbids are not chosen."),
    Row::new("autoindex", LEVELS, ONE, To::Key(&["files", "autoindex"], As::Flag)),
    Row::new("autoindex_format", LEVELS, ONE, To::By(autoindex_format, "files.autoindex_format")),
    Row::new("autoindex_exact_size", LEVELS, ONE, To::Key(&["files", "autoindex_exact_size"], As::Flag)),
    Row::new("autoindex_localtime", LEVELS, ONE, To::Key(&["files", "autoindex_local_time"], As::Flag)),
];

fn types(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let Some(block) = directive.block() else { return Ok(Done::AsWritten) };
    let mut types: Vec<(String, Vec<(String, Value)>)> = Vec::new();
    convert.entries(block, |_, entry| {
        let values = entry
            .args()
            .iter()
            .map(|word| (word.text.clone(), Value::text(word.text.clone()).at(&word.place)));
        match types.iter_mut().find(|(name, _)| name == entry.name()) {
            Some((_, known)) => known.extend(values),
            None => types.push((entry.name().to_owned(), values.collect())),
        }
        Ok(Done::AsWritten)
    });
    // Several add up, as in nginx: `include mime.types;` and a few more. What comes later counts.
    const TYPES: &[&str] = &["files", "types"];
    if types.is_empty() && !convert.frame().section.has(TYPES) {
        convert.set(Target::Here, TYPES, Value::Table(Vec::new()), &directive.place);
    } else if !types.is_empty() {
        convert.section(Target::Here).remove(TYPES);
    }
    for (name, extensions) in types {
        for (text, extension) in extensions {
            convert.section(Target::Here).drop_text(TYPES, &text);
            convert.push(Target::Here, &[TYPES, &[&name]].concat(), extension, &directive.place);
        }
    }
    Ok(Done::AsWritten)
}

fn if_modified_since(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let word = args::one_of(directive, 0, &["off", "exact", "before"])?;
    convert.set(Target::Here, &["files", "if_modified_since"], Value::text(word), &directive.place);
    Ok(Done::AsWritten)
}

fn symlinks(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let (mut kind, mut from) = (None, None);
    for (index, word) in directive.args().iter().enumerate() {
        match word.text.as_str() {
            "off" => kind = Some("follow"),
            "on" => kind = Some("refuse"),
            "if_not_owner" => kind = Some("same_owner"),
            other => match other.strip_prefix("from=") {
                Some(path) => from = Some(Value::text(path).at(&word.place)),
                None => return Err(invalid(directive, index, format!("invalid parameter \"{other}\""))),
            },
        }
    }
    let Some(kind) = kind else {
        return Err(invalid(
            directive,
            0,
            "\"disable_symlinks\" must have \"off\", \"on\" or \"if_not_owner\" parameter",
        ));
    };
    convert.set(Target::Here, &["files", "symlinks"], Value::text(kind), &directive.place);
    if let Some(from) = from {
        convert.set(Target::Here, &["files", "symlinks_from"], from, &directive.place);
    }
    Ok(Done::AsWritten)
}

fn gzip_static(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let word = args::one_of(directive, 0, &["off", "on", "always"])?;
    let coding = directive.name().trim_end_matches("_static");
    let coding = if coding == "brotli" { "br" } else { coding };
    let section = &mut convert.frame_mut().section;
    section.switch_coding(["files", "precompressed"], coding, word != "off", &directive.place);
    match word {
        "always" => different("clients that do not accept the coding get the uncompressed file"),
        _ => Ok(Done::AsWritten),
    }
}

fn autoindex_format(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let word = args::one_of(directive, 0, &["html", "json", "jsonp", "xml"])?;
    convert.set(Target::Here, &["files", "autoindex_format"], Value::text(word), &directive.place);
    Ok(Done::AsWritten)
}
