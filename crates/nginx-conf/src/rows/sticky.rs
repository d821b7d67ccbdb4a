//! `sticky`: clients that come back to the server that they had.

use crate::args::{duration, invalid};
use crate::convert::{Convert, Done, Outcome, Target, refuse};
use crate::document::Value;
use crate::tree::Directive;

pub(super) fn sticky(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let table = match directive.arg(0) {
        "cookie" => cookie(directive)?,
        "route" => route(directive)?,
        "learn" => learn(directive)?,
        other => return Err(invalid(directive, 0, format!("invalid parameter \"{other}\""))),
    };
    convert.set(Target::Here, &["sticky"], table, &directive.place);
    Ok(Done::AsWritten)
}

type Read = Result<Value, crate::convert::Stop>;

fn cookie(directive: &Directive) -> Read {
    let mut pairs = vec![("name", Value::text(directive.arg(1)).at(directive.place_of(1)))];
    for (index, word) in directive.args().iter().enumerate().skip(2) {
        let wrong = || invalid(directive, index, format!("invalid parameter \"{}\"", word.text));
        let (name, value) = match word.text.split_once('=') {
            Some(("expires", "max")) => ("expires", Value::text("max")),
            Some(("expires", value)) => ("expires", Value::text(duration(value).ok_or_else(wrong)?)),
            Some(("domain", value)) => ("domain", Value::text(value)),
            Some(("path", value)) => ("path", Value::text(value)),
            Some(("samesite", value)) => ("samesite", Value::text(value)),
            None if word.text == "secure" => ("secure", Value::flag(true)),
            None if word.text == "httponly" => ("httponly", Value::flag(true)),
            _ => return Err(wrong()),
        };
        pairs.push((name, value.at(&word.place)));
    }
    Ok(Value::table([("cookie", Value::table(pairs))]))
}

fn route(directive: &Directive) -> Read {
    let words = directive.args().iter().skip(1);
    let values = words.map(|word| Value::text(word.text.clone()).at(&word.place)).collect();
    Ok(Value::table([("route", Value::List(values))]))
}

fn learn(directive: &Directive) -> Read {
    let (mut create, mut lookup, mut pairs) = (Vec::new(), Vec::new(), Vec::new());
    for (index, word) in directive.args().iter().enumerate().skip(1) {
        let wrong = || invalid(directive, index, format!("invalid parameter \"{}\"", word.text));
        match word.text.split_once('=') {
            Some(("create", value)) => create.push(Value::text(value).at(&word.place)),
            Some(("lookup", value)) => lookup.push(Value::text(value).at(&word.place)),
            Some(("zone", value)) => {
                let (_, size) = value.split_once(':').ok_or_else(wrong)?;
                pairs.push(("zone", Value::text(size).at(&word.place)));
            }
            Some(("timeout", value)) => {
                pairs.push(("timeout", Value::text(duration(value).ok_or_else(wrong)?).at(&word.place)));
            }
            None if word.text == "header" => pairs.push(("header", Value::flag(true))),
            Some(("remote_result", _)) => {
                return refuse("sharing sessions between machines is not supported");
            }
            None if word.text == "sync" => {
                return refuse("sharing sessions between machines is not supported");
            }
            _ => return Err(wrong()),
        }
    }
    pairs.push(("create", Value::List(create)));
    pairs.push(("lookup", Value::List(lookup)));
    Ok(Value::table([("learn", Value::table(pairs))]))
}
