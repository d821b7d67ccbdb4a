//! Their keys.

use crate::key::{Key, Kind, Need, PATH, Table};
use crate::tls;

pub(crate) const KIND: Kind = Kind::Names(&Kind::Table(&TABLE));

pub(super) const TABLE: Table = Table {
    name: "oidc_provider.NAME",
    doc: "An OpenID provider at which users log in (`auth_oidc`), by the authorization code flow of OpenID Connect. Its \
          metadata and keys are fetched on demand and used for an hour, and longer while newer ones cannot be fetched. If \
          the provider cannot be reached, requests that need it get 502; nobody is let in.",
    keys: &[
        Key {
            name: "issuer",
            kind: Kind::Text { hint: "a URL such as \"https://id.example.com\"" },
            need: Need::Required,
            nginx: "issuer",
            doc: "The provider's issuer identifier, an `https` URL, exactly as in its metadata.",
        },
        Key {
            name: "client_id",
            kind: Kind::Text { hint: "a name" },
            need: Need::Required,
            nginx: "client_id",
            doc: "The client ID of this gateway at the provider.",
        },
        Key {
            name: "client_secret",
            kind: Kind::Text { hint: "a secret" },
            need: Need::Optional,
            nginx: "client_secret",
            doc: "The client secret. It is sent as a password (client_secret_basic) or, if the provider's metadata does not \
                  list that method, as an argument (client_secret_post). If unset, the gateway is a public client.",
        },
        Key {
            name: "config_url",
            kind: Kind::Text { hint: "a URL" },
            need: Need::Optional,
            nginx: "config_url",
            doc: "The `https` URL of the provider's metadata. Default: `/.well-known/openid-configuration` below the \
                  issuer.",
        },
        Key {
            name: "cookie_name",
            kind: Kind::Text { hint: "a name" },
            need: Need::Default("\"NGX_OIDC_SESSION\""),
            nginx: "cookie_name",
            doc: "The name of the session cookie. During a login there is a second cookie with `_LOGIN` appended to the \
                  name. Both are HttpOnly and SameSite=Lax, and `Secure` over TLS; a name that begins with `__Host-` then \
                  restricts them to this host. Providers used on the same host need different names, otherwise one login \
                  replaces the other. No name may be another's with `_LOGIN` appended.",
        },
        Key {
            name: "extra_auth_args",
            kind: Kind::Text { hint: "query arguments such as \"display=page&prompt=login\"" },
            need: Need::Optional,
            nginx: "extra_auth_args",
            doc: "Additional arguments of the authentication request.",
        },
        Key {
            name: "redirect_uri",
            kind: Kind::Text { hint: "a path, or an `https` URL with a path" },
            need: Need::Default("\"/oidc_callback\""),
            nginx: "redirect_uri",
            doc: "The redirect URI to which the provider sends users back, as registered there. A path must lead to a place \
                  with this `auth_oidc`, in each server that uses it. Write a whole URL if clients reach this gateway by \
                  another scheme or host, such as behind a proxy that terminates TLS.",
        },
        Key {
            name: "logout_uri",
            kind: PATHNAME,
            need: Need::Optional,
            nginx: "logout_uri",
            doc: "The path that ends the user's session. The user is redirected to the provider's logout; if it has none, \
                  to `post_logout_uri`, or else a page is shown.",
        },
        Key {
            name: "post_logout_uri",
            kind: Kind::Text { hint: "a path or a URL" },
            need: Need::Optional,
            nginx: "post_logout_uri",
            doc: "The URI to which users are sent after logout, as registered at the provider. A path must be in a place \
                  with `auth_oidc = \"off\"`.",
        },
        Key {
            name: "logout_token_hint",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "logout_token_hint",
            doc: "Whether to send the ID token (`id_token_hint`) with the logout request, as some providers require.",
        },
        Key {
            name: "frontchannel_logout_uri",
            kind: PATHNAME,
            need: Need::Optional,
            nginx: "frontchannel_logout_uri",
            doc: "The path at which the provider ends sessions (front-channel logout). The session is identified by `iss` \
                  and `sid`, or else by the cookie, which browsers do not send from a page of another site.",
        },
        Key {
            name: "scope",
            kind: Kind::List(&Kind::Text { hint: "a scope such as \"email\"" }),
            need: Need::Default("[\"openid\"]"),
            nginx: "scope",
            doc: "The requested scopes; `openid` is always added.",
        },
        Key {
            name: "session_store",
            kind: Kind::Text { hint: "the NAME of a `[keyval_zone.NAME]`" },
            need: Need::Optional,
            nginx: "session_store",
            doc: "The `[keyval_zone.NAME]`, of type \"string\", that stores sessions; with its `state` they survive a \
                  restart. Whoever can read the zone has the tokens. If the zone is full, nobody can log in. Default: 8 MiB \
                  of private memory, where the sessions that expire first are evicted when it is full; they survive a \
                  reload unless the name, `issuer`, `client_id` or `session_store` changes.",
        },
        Key {
            name: "session_timeout",
            kind: Kind::Duration { zero: false },
            need: Need::Default("\"8h\""),
            nginx: "session_timeout",
            doc: "The lifetime of a session from its start. Tokens are not refreshed.",
        },
        Key {
            name: "userinfo",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "userinfo",
            doc: "Whether to fetch more claims from the UserInfo endpoint, for `$oidc_userinfo` and `$oidc_claim_NAME`.",
        },
        Key {
            name: "pkce",
            kind: Kind::Bool,
            need: Need::Optional,
            nginx: "pkce",
            doc: "Whether to use PKCE (RFC 7636, S256). Default: if the provider's metadata lists it, or if there is no \
                  `client_secret`.",
        },
        Key {
            name: "tls",
            kind: Kind::Table(&TLS),
            need: Need::Default("{}"),
            nginx: "",
            doc: "How the provider's certificate is verified.",
        },
    ],
    unbuilt: &[],
};

const PATHNAME: Kind = Kind::Text { hint: "a path such as \"/logout\"" };

pub(super) const TLS: Table = Table {
    name: "oidc_provider.NAME.tls",
    doc: "TLS to the provider. Its certificate is always verified.",
    keys: &[
        Key {
            name: "trusted_certificate",
            kind: PATH,
            need: Need::Optional,
            nginx: "ssl_trusted_certificate",
            doc: "The file of trusted CA certificates, PEM. Default: the system's.",
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
    doc: "The `[oidc_provider.NAME]` at which users must log in. A user without a session is redirected to the provider and \
          returns by its `redirect_uri`, which must be in a place with the same `auth_oidc`. `$oidc_claim_NAME` and related \
          variables hold what the provider says about the user. With `access.satisfy = \"all\"`, the session is checked \
          after `access` and before `auth_jwt`; with \"any\", a session is sufficient, and a user whom no check lets in is \
          sent to log in. \"off\": no login. Not checked if `return` answers.",
};
