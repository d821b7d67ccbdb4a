//! `oidc_provider` and `auth_oidc` of nginx Plus: OpenID Connect.

use std::ops::RangeInclusive;

use crate::args::{self, invalid};
use crate::context::Contexts;
use crate::convert::{Convert, Done, Outcome, Stop};
use crate::document::{Section, Value, key};
use crate::lexer::Word;
use crate::place::Problem;
use crate::row::{As, BLOCK_ONE, ONE, Row, To};
use crate::tree::Directive;

const PROVIDER: &str = "All directives of the block are supported. Tokens are not refreshed, the NAME of `$oidc_claim_NAME` \
                        is in lower case, and ID tokens signed with the client secret (HS256) are refused. Without \
                        `resolver`, the system resolves the provider's name.";
const AUTH: &str = "With `satisfy any`, a user whom no other check lets in is sent to log in.";

pub(crate) const ROWS: &[Row] = &[
    Row::new("oidc_provider", Contexts::HTTP, BLOCK_ONE, To::By(provider, "oidc_provider"))
        .repeats()
        .note(PROVIDER),
    Row::new("auth_oidc", Contexts::LEVELS, ONE, To::Key(&["auth_oidc"], As::Text)).note(AUTH),
];

fn provider(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let Some(block) = directive.block() else { return Ok(Done::AsWritten) };
    let name = directive.arg(0);
    if convert.frame().collected("providers").iter().any(|known| known.text == name) {
        return Err(invalid(directive, 0, format!("duplicate provider \"{name}\"")));
    }
    let place = directive.place_of(0).clone();
    convert.frame_mut().collect("providers", &[Word { text: name.to_owned(), place }]);
    let above = convert.take_pending();
    let header = format!("[oidc_provider.{}]", key(name));
    let mut section = Section::of(header, &directive.place, &above, directive.beside.as_ref());
    convert.entries(block, |convert, entry| {
        entry.above.iter().for_each(|comment| section.comment(comment.clone()));
        let done = setting(convert, entry, &mut section);
        if let (Ok(_), Some(note)) = (&done, &entry.beside) {
            section.beside(note);
        }
        done
    });
    block.below.iter().for_each(|comment| section.comment(comment.clone()));
    for needed in ["issuer", "client_id"] {
        if !section.has(&[needed]) {
            let message = format!("\"{needed}\" is missing in \"oidc_provider\"");
            return Err(Stop::Invalid(Problem::new(&directive.place, message)));
        }
    }
    convert.document.named.push(section);
    Ok(Done::AsWritten)
}

/// How the value of a directive is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Is {
    Text,
    Flag,
    Time,
    File,
    Words,
}

/// The directives of a provider, and what they become.
const SETTINGS: [(&str, &[&str], Is); 18] = [
    ("issuer", &["issuer"], Is::Text),
    ("client_id", &["client_id"], Is::Text),
    ("client_secret", &["client_secret"], Is::Text),
    ("config_url", &["config_url"], Is::Text),
    ("cookie_name", &["cookie_name"], Is::Text),
    ("extra_auth_args", &["extra_auth_args"], Is::Text),
    ("frontchannel_logout_uri", &["frontchannel_logout_uri"], Is::Text),
    ("pkce", &["pkce"], Is::Flag),
    ("redirect_uri", &["redirect_uri"], Is::Text),
    ("logout_uri", &["logout_uri"], Is::Text),
    ("post_logout_uri", &["post_logout_uri"], Is::Text),
    ("logout_token_hint", &["logout_token_hint"], Is::Flag),
    ("scope", &["scope"], Is::Words),
    ("session_store", &["session_store"], Is::Text),
    ("session_timeout", &["session_timeout"], Is::Time),
    ("ssl_crl", &["tls", "crl"], Is::File),
    ("ssl_trusted_certificate", &["tls", "trusted_certificate"], Is::File),
    ("userinfo", &["userinfo"], Is::Flag),
];

/// One directive of a provider.
fn setting(convert: &Convert<'_>, entry: &Directive, section: &mut Section) -> Outcome {
    let name = entry.name();
    let wrong = |message: String| Err(Stop::Invalid(Problem::new(&entry.place, message)));
    let Some((_, path, is)) = SETTINGS.iter().find(|(known, ..)| *known == name) else {
        return wrong(format!("unknown directive \"{name}\" in \"oidc_provider\""));
    };
    let counts: RangeInclusive<usize> = if *is == Is::Words { 1..=usize::MAX } else { 1..=1 };
    if !counts.contains(&entry.args().len()) {
        return wrong(format!("invalid number of arguments in \"{name}\" directive"));
    }
    if section.has(path) {
        return wrong(format!("\"{name}\" directive is duplicate"));
    }
    let text = |index| Value::text(entry.arg(index)).at(entry.place_of(index));
    let value = match is {
        Is::Text => text(0),
        Is::Flag => Value::flag(args::flag(entry, 0)?).at(entry.place_of(0)),
        Is::Time => Value::text(args::time(entry, 0)?).at(entry.place_of(0)),
        Is::File => convert.conf_path(entry.arg(0)).at(entry.place_of(0)),
        Is::Words => Value::List((0..entry.args().len()).map(text).collect()),
    };
    section.set(path, value, Some(&entry.place));
    Ok(Done::AsWritten)
}
