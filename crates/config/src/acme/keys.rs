//! The keys of the table `acme`, and of `tls.acme`.

use crate::key::{Key, Kind, Need, PATH, Table};

const KEYS: &[&str] = &["ecdsa:256", "ecdsa:384", "rsa:2048", "rsa:3072", "rsa:4096"];

pub(super) const EXTERNAL: Table = Table {
    name: "acme.external_account",
    doc: "An account that the authority knows already.",
    keys: &[
        Key {
            name: "id",
            kind: Kind::Text { hint: "the identifier that the authority has given out" },
            need: Need::Required,
            nginx: "external_account_key",
            doc: "What it is called there.",
        },
        Key {
            name: "key",
            kind: Kind::Text { hint: "a file path, or `data:` and the key" },
            need: Need::Required,
            nginx: "external_account_key",
            doc: "The file of its key, base64url, or the key itself after `data:`. The file is read when an account is made, and not needed \
                  from then on.",
        },
    ],
    unbuilt: &[],
};

pub(crate) const TABLE: Table = Table {
    name: "acme",
    doc: "Certificates that come by themselves (ACME, RFC 8555), for servers with `tls.acme`. They are ordered and renewed while the \
          gateway runs, and in force without a reload: a third of the lifetime before the end, or when the authority says (ARI). Until \
          there is the first one, handshakes for it fail. What fails is in the error log, and is tried again after two minutes, twice as \
          long each time up to six hours, or when the authority says, a week at most. Other values here are tried at once; to try at once \
          with the same ones, remove `certificates/NAME.retry` in `state_path` and restart.",
    keys: &[
        Key {
            name: "directory",
            kind: Kind::Text { hint: "a URL that begins with https://" },
            need: Need::Default("\"https://acme-v02.api.letsencrypt.org/directory\""),
            nginx: "uri",
            doc: "The URL of the authority's directory; Let's Encrypt's unless set.",
        },
        Key {
            name: "state_path",
            kind: PATH,
            need: Need::Required,
            nginx: "state_path",
            doc: "The directory of accounts, certificates and their keys, for whoever started the process alone. It is made if it is not \
                  there. Several processes may share it.",
        },
        Key {
            name: "contact",
            kind: Kind::List(&Kind::Text { hint: "an address of mail, or a URL" }),
            need: Need::Default("[]"),
            nginx: "contact",
            doc: "Where the authority may turn to: \"mailto:hostmaster@example.com\", or the address alone.",
        },
        Key {
            name: "accept_terms_of_service",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "accept_terms_of_service",
            doc: "Whether you agree to the authority's terms of service; most do nothing without.",
        },
        Key {
            name: "challenge",
            kind: Kind::Choice { built: &["http-01", "tls-alpn-01"], unbuilt: &["dns-01"] },
            need: Need::Default("\"http-01\""),
            nginx: "challenge",
            doc: "How it is shown that names are yours. \"http-01\": the authority asks port 80 of the name, and is answered before any \
                  step, location or `return` of any server that listens without `tls`. \"tls-alpn-01\": it shakes hands on port 443, and is \
                  answered wherever `listen` says `tls`.",
        },
        Key {
            name: "key",
            kind: Kind::Choice { built: KEYS, unbuilt: &["ecdsa:521"] },
            need: Need::Default("\"ecdsa:256\""),
            nginx: "acme_certificate ... key=",
            doc: "The keys of certificates, each of which has its own: \"ecdsa:256\", \"ecdsa:384\", \"rsa:2048\", \"rsa:3072\" or \
                  \"rsa:4096\".",
        },
        Key {
            name: "trusted_certificate",
            kind: PATH,
            need: Need::Optional,
            nginx: "ssl_trusted_certificate",
            doc: "The file of certificates that the authority's own TLS is trusted by, PEM; none: those that the system trusts.",
        },
        Key {
            name: "external_account",
            kind: Kind::Table(&EXTERNAL),
            need: Need::Optional,
            nginx: "external_account_key",
            doc: "An account that the authority knows already (RFC 8555 7.3.4), where it asks for one.",
        },
        Key {
            name: "profile",
            kind: Kind::Text { hint: "a name that the authority has for a kind of certificate" },
            need: Need::Optional,
            nginx: "",
            doc: "The kind of certificate, by the authority's name for it, such as \"shortlived\".",
        },
    ],
    unbuilt: &[],
};

/// What `tls.acme` may be.
pub(crate) const SERVER: Key = Key {
    name: "acme",
    kind: Kind::Either(&[Kind::Bool, Kind::List(&Kind::Text { hint: "the name of a host, or an address" })]),
    need: Need::Default("false"),
    nginx: "acme_certificate",
    doc: "true: the certificate is ordered as `[acme]` says, for the server's names; a list: for these names. It stands in the place of \
          `certificates`. Wildcards and regexes take DNS-01, which is not built. Servers with the same first name share one certificate.",
};
