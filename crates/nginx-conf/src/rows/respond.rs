//! `return` and `error_page`.

use crate::args::invalid;
use crate::convert::{Convert, Done, Outcome, Stop, Target};
use crate::document::Value;
use crate::tree::Directive;

/// The arguments of a `return`.
pub(crate) fn items(directive: &Directive) -> Result<Vec<Value>, Stop> {
    let first = directive.arg(0);
    let text = |index: usize| Value::text(directive.arg(index)).at(directive.place_of(index));
    let code = first.bytes().all(|byte| byte.is_ascii_digit()).then(|| first.parse::<u64>().ok()).flatten();
    match (code, directive.args().len()) {
        (Some(code), _) if code > 999 => {
            Err(invalid(directive, 0, format!("invalid return code \"{first}\"")))
        }
        (Some(code), 1) => Ok(vec![Value::number(code).at(directive.place_of(0))]),
        (Some(code), _) => Ok(vec![Value::number(code).at(directive.place_of(0)), text(1)]),
        (None, 1) => Ok(vec![text(0)]),
        (None, _) => Err(invalid(directive, 0, format!("invalid return code \"{first}\""))),
    }
}

pub(crate) fn error_page(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let args = directive.args();
    let last = args.len().saturating_sub(1);
    let status =
        args.get(last.saturating_sub(1)).filter(|_| last > 0).and_then(|word| word.text.strip_prefix('='));
    let codes = if status.is_some() { last.saturating_sub(1) } else { last };
    if codes == 0 {
        return Err(invalid(directive, 0, format!("invalid value \"{}\"", directive.arg(0))));
    }
    let mut numbers = Vec::new();
    for index in 0..codes {
        let number = crate::args::number(directive, index)
            .map_err(|_| invalid(directive, index, format!("invalid value \"{}\"", directive.arg(index))))?;
        if number == 499 {
            return Err(invalid(
                directive,
                index,
                "value \"499\" is not allowed: it means that the client closed the connection",
            ));
        }
        if !(300..=599).contains(&number) {
            return Err(invalid(directive, index, format!("value \"{number}\" must be between 300 and 599")));
        }
        numbers.push(Value::number(number).at(directive.place_of(index)));
    }
    let mut page = vec![("codes".to_owned(), Value::List(numbers))];
    let uri = Value::text(directive.arg(last)).at(directive.place_of(last));
    page.push(("uri".to_owned(), uri));
    match status {
        None => {}
        Some("") => page.push(("status".to_owned(), Value::text("from_page"))),
        Some(code) => match code.parse::<u64>() {
            Ok(code) => page.push(("status".to_owned(), Value::number(code).at(directive.place_of(codes)))),
            Err(_) => return Err(invalid(directive, codes, format!("invalid value \"={code}\""))),
        },
    }
    convert.push(Target::Here, &["error_page", "pages"], Value::Table(page), &directive.place);
    Ok(Done::AsWritten)
}
