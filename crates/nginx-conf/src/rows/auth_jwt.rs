//! `auth_jwt*` of nginx Plus: JSON Web Tokens.

use crate::args::{invalid, one_of};
use crate::context::Contexts;
use crate::convert::{Convert, Done, Outcome, Target, refuse};
use crate::document::Value;
use crate::row::{As, ONE, ONE_OR_TWO, Row, SOME, TWO_OR_MORE, To};
use crate::tree::Directive;

const LEVELS: Contexts = Contexts::LEVELS;
const PLACES: Contexts = LEVELS.or(Contexts::LIMIT_EXCEPT);

pub(crate) const ROWS: &[Row] = &[
    Row::new("auth_jwt", PLACES, ONE_OR_TWO, To::By(auth_jwt, "auth_jwt.realm"))
        .note("ES512, Ed448 and encrypted tokens are not supported. `$jwt_claim_NAME` and related variables have a value \
               only after the token was validated: not in `rewrite` and `if`, which run before, and not if `satisfy any` \
               let the request in without a token."),
    Row::new("auth_jwt_key_file", PLACES, ONE, To::Item(&["auth_jwt", "key_file"], As::ConfPath)).repeats(),
    Row::new("auth_jwt_key_request", PLACES, ONE, To::Item(&["auth_jwt", "key_request"], As::Text))
        .repeats()
        .note("Variables are not supported. The subrequest does not have the client's conditions, range and `Accept-Encoding`."),
    Row::new("auth_jwt_key_cache", LEVELS, ONE, To::Key(&["auth_jwt", "key_cache"], As::Time)),
    Row::new("auth_jwt_leeway", LEVELS, ONE, To::Key(&["auth_jwt", "leeway"], As::Time)),
    Row::new("auth_jwt_type", PLACES, ONE, To::By(kind, "auth_jwt.type")).note("`encrypted` and `nested` are refused."),
    Row::new("auth_jwt_require", PLACES, SOME, To::By(require, "auth_jwt.require")).repeats(),
    Row::new("auth_jwt_claim_set", Contexts::HTTP, TWO_OR_MORE, To::By(claim, "jwt_claim_set")).repeats(),
    Row::new("auth_jwt_header_set", Contexts::HTTP, TWO_OR_MORE, To::By(header, "jwt_header_set")).repeats(),
];

fn auth_jwt(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let realm = convert.value(directive, 0, As::Text)?;
    convert.set(Target::Here, &["auth_jwt", "realm"], realm, &directive.place);
    if directive.args().len() > 1 {
        let Some(token) = directive.arg(1).strip_prefix("token=").filter(|token| !token.is_empty()) else {
            return Err(invalid(directive, 1, format!("invalid parameter \"{}\"", directive.arg(1))));
        };
        let token = Value::text(token).at(directive.place_of(1));
        convert.set(Target::Here, &["auth_jwt", "token"], token, &directive.place);
    } else if directive.arg(0) != "off" && convert.frame().context != Contexts::HTTP {
        // The directive is inherited as a whole: a level outside may have said where the token is.
        convert.set(Target::Here, &["auth_jwt", "token"], Value::text(""), &directive.place);
    }
    Ok(Done::AsWritten)
}

fn kind(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    if one_of(directive, 0, &["signed", "encrypted", "nested"])? != "signed" {
        return refuse("encrypted tokens are not supported");
    }
    convert.set(Target::Here, &["auth_jwt", "type"], Value::text("signed"), &directive.place);
    Ok(Done::AsWritten)
}

fn require(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let last = directive.args().len().saturating_sub(1);
    let error = match directive.arg(last).strip_prefix("error=") {
        None => None,
        Some("401") => Some(401),
        Some("403") => Some(403),
        Some(_) => {
            return Err(invalid(directive, last, format!("invalid parameter \"{}\"", directive.arg(last))));
        }
    };
    let count = if error.is_some() { last } else { last + 1 };
    if count == 0 {
        return Err(invalid(directive, 0, "at least one value is required"));
    }
    let mut values = Vec::new();
    for index in 0..count {
        if !directive.arg(index).starts_with('$') {
            return Err(invalid(
                directive,
                index,
                format!("invalid variable name \"{}\"", directive.arg(index)),
            ));
        }
        values.push(convert.value(directive, index, As::Text)?);
    }
    let values = ("values", Value::List(values));
    let error = error.map(|error| ("error", Value::number(error)));
    let item = Value::table([values].into_iter().chain(error));
    convert.push(Target::Here, &["auth_jwt", "require"], item, &directive.place);
    Ok(Done::AsWritten)
}

fn claim(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    names(convert, directive, Target::ClaimSet)
}

fn header(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    names(convert, directive, Target::HeaderSet)
}

fn names(convert: &mut Convert<'_>, directive: &Directive, target: Target) -> Outcome {
    let Some(name) = directive.arg(0).strip_prefix('$').filter(|name| !name.is_empty()) else {
        return Err(invalid(directive, 0, format!("invalid variable name \"{}\"", directive.arg(0))));
    };
    let mut path = Vec::new();
    for index in 1..directive.args().len() {
        path.push(convert.value(directive, index, As::Text)?);
    }
    convert.set(target, &[name], Value::List(path), &directive.place);
    Ok(Done::AsWritten)
}
