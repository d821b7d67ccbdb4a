//! The table `auth_jwt`: who has a JSON Web Token of a known key may come in; and the names for what such tokens say.

use std::ops::Range;
use std::time::Duration;

use http::StatusCode;
use propylon_vars::{Builder, Template, TokenPart};
use toml::de::DeTable;

use crate::inner_uri::{self, InnerUri};
use crate::key::{Key, Kind, Need, Table};
use crate::location::{Action, Location};
use crate::reader::{Context, Scope, Value};
use crate::report::Diagnostic;
use crate::server::Server;
use crate::shape;
use crate::source::Spanned;

/// Whose token lets a request in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AuthJwt {
    /// What the 401 names; none: nobody is asked.
    pub realm: Option<Spanned<Template>>,
    /// The token; none: it is in the field `Authorization`.
    pub token: Option<Template>,
    /// Files of keys.
    pub key_file: Vec<Template>,
    /// Where keys are asked for.
    pub key_request: Vec<Spanned<InnerUri>>,
    /// How long keys are used before they are looked for again; `None`: for one request.
    pub key_cache: Option<Duration>,
    /// How far clocks may differ.
    pub leeway: Duration,
    /// What has to be true besides.
    pub require: Vec<Require>,
}

/// What has to be true of a token that is good.
#[derive(Clone, Debug, PartialEq)]
pub struct Require {
    /// None of them is empty, or "0".
    pub values: Vec<Template>,
    /// The status, if one is.
    pub error: StatusCode,
}

pub(crate) const TABLE: Table = Table {
    name: "auth_jwt",
    doc: "Requires a JSON Web Token that is signed with one of the configured keys; a request without a valid token gets 401. Algorithms: \
          HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 and EdDSA with Ed25519, each only with keys that are \
          meant for it. The token is checked after `access` and `auth_oidc` and before `auth_request`; `access.satisfy` applies to all of \
          them. Responses of `return` are not protected. `$jwt_claim_NAME` and `$jwt_header_NAME` are set only from a valid token. `limit` \
          is applied before this check, but if all keys are in files the token is verified first, so that limits can use its claims.",
    keys: &[
        Key {
            name: "realm",
            kind: Kind::Template,
            need: Need::Default("\"off\""),
            nginx: "auth_jwt",
            doc: "The realm in the `WWW-Authenticate` field of a 401. \"off\", or a template with this value: no token is required.",
        },
        Key {
            name: "token",
            kind: Kind::Template,
            need: Need::Optional,
            nginx: "auth_jwt ... token",
            doc: "A template for the token, such as \"$cookie_auth_token\" or \"$arg_token\". If unset or \"\": the token is read from the \
                  `Authorization` field, after `Bearer`.",
        },
        Key {
            name: "key_file",
            kind: Kind::List(&Kind::Template),
            need: Need::Default("[]"),
            nginx: "auth_jwt_key_file",
            doc: "Files with a JSON Web Key Set or a single key. They are reread when they change; an unusable file gives 500. A token that \
                  names its key (`kid`) must be signed with that key, any other token with any of the keys. A file name may contain \
                  variables from the token's claims, although the token is not verified yet; a name that contains `..` gives 500.",
        },
        Key {
            name: "key_request",
            kind: Kind::List(&Kind::Text { hint: "a path in this server such as \"/jwks\"" }),
            need: Need::Default("[]"),
            nginx: "auth_jwt_key_request",
            doc: "Paths in this server that answer a GET with a key set; their locations may be `internal`. Any answer other than 200 with a \
                  valid key set gives 500. These subrequests are not themselves subject to `access`, `auth_oidc`, `auth_jwt` and \
                  `auth_request`.",
        },
        Key {
            name: "key_cache",
            kind: Kind::Duration { zero: true },
            need: Need::Default("\"0\""),
            nginx: "auth_jwt_key_cache",
            doc: "How long each worker reuses keys, separately for each location, before it loads them again. Keys from a file whose name \
                  contains variables are used for one request only.",
        },
        Key {
            name: "leeway",
            kind: Kind::Duration { zero: true },
            need: Need::Default("\"0\""),
            nginx: "auth_jwt_leeway",
            doc: "The clock skew that is tolerated when `nbf` and `exp` are checked.",
        },
        Key {
            name: "type",
            kind: Kind::Choice { built: &["signed"], unbuilt: &["encrypted", "nested"] },
            need: Need::Default("\"signed\""),
            nginx: "auth_jwt_type",
            doc: "The type of tokens: signed ones.",
        },
        Key {
            name: "require",
            kind: Kind::List(&Kind::Table(&REQUIRE)),
            need: Need::Default("[]"),
            nginx: "auth_jwt_require",
            doc: "Further conditions for a valid token: [{ values = [\"$valid_issuer\"], error = 403 }], where `$valid_issuer` is a `map`.",
        },
    ],
    unbuilt: &[],
};

const REQUIRE: Table = Table {
    name: "auth_jwt.require",
    doc: "A further condition for a valid token.",
    keys: &[
        Key {
            name: "values",
            kind: Kind::List(&Kind::Template),
            need: Need::Required,
            nginx: "auth_jwt_require",
            doc: "The condition is met if none of these is empty or \"0\".",
        },
        Key {
            name: "error",
            kind: Kind::Integer { min: 401, max: 403 },
            need: Need::Default("401"),
            nginx: "auth_jwt_require ... error",
            doc: "The status if the condition is not met: 401 or 403.",
        },
    ],
    unbuilt: &[],
};

/// The tables `jwt_claim_set` and `jwt_header_set`.
pub(crate) const NAMES: Kind =
    Kind::Names(&Kind::List(&Kind::Text { hint: "a name, outermost first, such as [\"info\", \"e-mail\"]" }));

impl AuthJwt {
    pub(crate) fn read(scope: &mut Scope<'_>) -> Self {
        let realm = scope.read("realm", |cx, value| {
            let realm = cx.template_of(value)?;
            (realm.source() != "off").then(|| Spanned::new(realm, cx.span(value.span())))
        });
        let token = scope.template("token").filter(|token| !token.source().is_empty());
        let key_file = scope.list("key_file", |cx, text, span| cx.template(text, &span));
        let key_request = scope.list("key_request", inner_uri::read);
        let key_cache = Some(scope.duration("key_cache")).filter(|cache| !cache.is_zero());
        let leeway = scope.duration("leeway");
        let _ = scope.text("type");
        let require = scope.read("require", |cx, value| {
            let items = value.get_ref().as_array()?.iter();
            Some(items.filter_map(|item| require(cx, item)).collect())
        });
        Self {
            realm,
            token,
            key_file: key_file.unwrap_or_default(),
            key_request: key_request.unwrap_or_default(),
            key_cache,
            leeway,
            require: require.unwrap_or_default(),
        }
    }
}

fn require(cx: &mut Context, value: &Value<'_>) -> Option<Require> {
    let mut scope = Scope::alone(cx, &REQUIRE, Some(value.get_ref().as_table()?));
    let values = scope.list("values", |cx, text, span| cx.template(text, &span))?;
    let error = scope.read("error", |cx, value| match shape::integer(value.get_ref())? {
        401 => Some(StatusCode::UNAUTHORIZED),
        403 => Some(StatusCode::FORBIDDEN),
        other => {
            let message = format!("invalid status {other}");
            cx.push(Diagnostic::at(value.span(), message).label("expected 401 or 403"));
            None
        }
    })?;
    Some(Require { values, error })
}

/// Finds places that ask for tokens and know no keys.
pub(crate) fn check(cx: &mut Context, server: &Server) {
    keyless(cx, &server.locations, &mut Vec::new());
}

fn keyless(cx: &mut Context, locations: &[Location], told: &mut Vec<Range<usize>>) {
    for location in locations {
        let AuthJwt { realm, key_file, key_request, .. } = &location.settings.auth_jwt;
        if let Some(realm) = realm
            && key_file.is_empty()
            && key_request.is_empty()
            && !matches!(location.action, Action::Return(_))
            && !told.contains(&realm.span.range())
        {
            told.push(realm.span.range());
            let message = "`auth_jwt` has no keys";
            let label = "every request would be answered with 500";
            let help = "add `auth_jwt.key_file` or `auth_jwt.key_request`";
            cx.push(Diagnostic::error(realm.span, message).label(label).help(help));
        }
        keyless(cx, &location.locations, told);
    }
}

/// The names of `jwt_claim_set` and `jwt_header_set`, each with what it stands for and its place.
pub(crate) struct Names<'t>(Vec<(&'t str, Range<usize>, TokenPart, Vec<&'t str>)>);

impl<'t> Names<'t> {
    pub(crate) fn find(cx: &mut Context, root: &'t DeTable<'t>) -> Self {
        let parts = [("jwt_claim_set", TokenPart::Claims), ("jwt_header_set", TokenPart::Header)];
        let mut names = Vec::new();
        for (table, part) in parts {
            let table = root.get(table).and_then(|value| value.get_ref().as_table());
            for (name, path) in table.into_iter().flatten() {
                let (place, Some(path)) = (path.span(), path.get_ref().as_array()) else { continue };
                let path: Vec<&str> = path.iter().filter_map(|name| name.get_ref().as_str()).collect();
                if path.is_empty() {
                    let message = format!("the path of `{}` is empty", name.get_ref());
                    cx.push(
                        Diagnostic::at(place, message)
                            .label("expected the name of a claim or a header parameter"),
                    );
                }
                names.push((name.get_ref().as_ref(), name.span(), part, path));
            }
        }
        Self(names)
    }

    pub(crate) fn define(&self, mut builder: Builder) -> Builder {
        for (name, _, part, path) in &self.0 {
            builder = builder.token_value(*name, *part, path.iter().copied());
        }
        builder
    }

    pub(crate) fn place(&self, name: &str) -> Option<Range<usize>> {
        let found = self.0.iter().rev().find(|(known, ..)| known.eq_ignore_ascii_case(name));
        found.map(|(_, place, ..)| place.clone())
    }

    /// What has no other fault than what others have.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, ..)| *name)
    }
}
