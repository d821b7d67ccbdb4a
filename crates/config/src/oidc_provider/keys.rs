//! Their keys.

use crate::key::{Key, Kind, Need, PATH, Table};
use crate::tls;

pub(crate) const KIND: Kind = Kind::Names(&Kind::Table(&TABLE));

pub(super) const TABLE: Table = Table {
    name: "oidc_provider.NAME",
    doc: "An OpenID provider, where users log in whom `auth_oidc` asks for: the authorization code flow of OpenID Connect. Its metadata and keys are fetched when they are \
          needed, and used for an hour; where nothing newer can be had, they stay. A provider that cannot be reached is 502, and lets nobody in.",
    keys: &[
        Key {
            name: "issuer",
            kind: Kind::Text { hint: "a URL such as \"https://id.example.com\"" },
            need: Need::Required,
            nginx: "issuer",
            doc: "Its issuer identifier, to the letter as its metadata has it; `https`.",
        },
        Key {
            name: "client_id",
            kind: Kind::Text { hint: "a name" },
            need: Need::Required,
            nginx: "client_id",
            doc: "By what name it knows us.",
        },
        Key {
            name: "client_secret",
            kind: Kind::Text { hint: "a secret" },
            need: Need::Optional,
            nginx: "client_secret",
            doc: "What proves that it is us: as a password, or, where its metadata does not list that, as an argument. Without it we are a public client.",
        },
        Key {
            name: "config_url",
            kind: Kind::Text { hint: "a URL" },
            need: Need::Optional,
            nginx: "config_url",
            doc: "Where its metadata is, `https`. Not set: `/.well-known/openid-configuration` below the issuer.",
        },
        Key {
            name: "cookie_name",
            kind: Kind::Text { hint: "a name" },
            need: Need::Default("\"NGX_OIDC_SESSION\""),
            nginx: "cookie_name",
            doc: "The cookie of a session; while somebody logs in there is another one, with `_LOGIN` behind its name. Neither is for scripts or for other sites, and over \
                  TLS both are `Secure`; one that begins with `__Host-` is then no other host's. Providers whose users come to the same host have a name each, or one login takes the place of the other; \
                  none has that of another one with `_LOGIN` behind it.",
        },
        Key {
            name: "extra_auth_args",
            kind: Kind::Text { hint: "arguments such as \"display=page&prompt=login\"" },
            need: Need::Optional,
            nginx: "extra_auth_args",
            doc: "Arguments of the authentication request besides.",
        },
        Key {
            name: "redirect_uri",
            kind: Kind::Text { hint: "a path, or a URL of `https` with one" },
            need: Need::Default("\"/oidc_callback\""),
            nginx: "redirect_uri",
            doc: "Where users come back from it: a path of each server that has `auth_oidc` there, as the provider has it registered. Write a whole URL where others see \
                  this gateway by another scheme or host: behind a proxy that ends TLS.",
        },
        Key {
            name: "logout_uri",
            kind: PATHNAME,
            need: Need::Optional,
            nginx: "logout_uri",
            doc: "The path that ends the session of whoever asks for it. It leads to the provider's logout, or else to `post_logout_uri`, or to a page.",
        },
        Key {
            name: "post_logout_uri",
            kind: Kind::Text { hint: "a path or a URL" },
            need: Need::Optional,
            nginx: "post_logout_uri",
            doc: "Where users are sent after that, as the provider has it registered. A path is to be of a place with `auth_oidc = \"off\"`.",
        },
        Key {
            name: "logout_token_hint",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "logout_token_hint",
            doc: "Whether its logout is shown the ID token (`id_token_hint`), as some providers want it.",
        },
        Key {
            name: "frontchannel_logout_uri",
            kind: PATHNAME,
            need: Need::Optional,
            nginx: "frontchannel_logout_uri",
            doc: "The path by which the provider ends sessions: with `iss` and `sid`, or else with the cookie, which browsers do not send from within another site's page.",
        },
        Key {
            name: "scope",
            kind: Kind::List(&Kind::Text { hint: "a scope such as \"email\"" }),
            need: Need::Default("[\"openid\"]"),
            nginx: "scope",
            doc: "What is asked for; `openid` always is.",
        },
        Key {
            name: "session_store",
            kind: Kind::Text { hint: "the NAME of a `[keyval_zone.NAME]`" },
            need: Need::Optional,
            nginx: "session_store",
            doc: "The `[keyval_zone.NAME]`, of type \"string\", that sessions are kept in: with `state` they survive a restart. Whoever reads it has the tokens. \
                  Where it is full nobody can log in. Not set: 8 MiB of memory of its own, where the sessions make room that would end first; they survive a reload while name, \
                  `issuer`, `client_id` and `session_store` stay.",
        },
        Key {
            name: "session_timeout",
            kind: Kind::Duration { zero: false },
            need: Need::Default("\"8h\""),
            nginx: "session_timeout",
            doc: "How long a session lasts, from when it began; tokens are not refreshed.",
        },
        Key {
            name: "userinfo",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "userinfo",
            doc: "Whether it is asked at its UserInfo endpoint for more about a user, for `$oidc_userinfo` and `$oidc_claim_NAME`.",
        },
        Key {
            name: "pkce",
            kind: Kind::Bool,
            need: Need::Optional,
            nginx: "pkce",
            doc: "Whether codes are bound to who has begun a login (RFC 7636, S256). Not set: if its metadata says that it knows how, or there is no `client_secret`.",
        },
        Key {
            name: "tls",
            kind: Kind::Table(&TLS),
            need: Need::Default("{}"),
            nginx: "",
            doc: "How it is known to be the one that it should be.",
        },
    ],
    unbuilt: &[],
};

const PATHNAME: Kind = Kind::Text { hint: "a path such as \"/logout\"" };

pub(super) const TLS: Table = Table {
    name: "oidc_provider.NAME.tls",
    doc: "TLS towards the provider, which is always verified.",
    keys: &[
        Key {
            name: "trusted_certificate",
            kind: PATH,
            need: Need::Optional,
            nginx: "ssl_trusted_certificate",
            doc: "The file of certificates to trust, PEM; without it, those that the system trusts.",
        },
        tls::CRL,
    ],
    unbuilt: &[],
};

/// The key `auth_oidc` of all levels.
pub(crate) const KEY: Key = Key {
    name: "auth_oidc",
    kind: Kind::Text { hint: "the NAME of an `[oidc_provider.NAME]`, or \"off\"" },
    need: Need::Default("\"off\""),
    nginx: "auth_oidc",
    doc: "Where users have to log in before they come in: whoever has no session is sent to this `[oidc_provider.NAME]`, and comes back by its `redirect_uri`, \
          which has to be within a place that has the same. `$oidc_claim_NAME` and its like are what the provider says of the user. With `access.satisfy = \"all\"` it is looked at \
          after `access` and before `auth_jwt`; with \"any\" a session is enough, and who has none, and is let in by nobody else, is sent to log in. \"off\": nobody \
          has to; nor for what `return` answers.",
};
