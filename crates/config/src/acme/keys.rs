//! The keys of the table `acme`, and of `tls.acme`.

use crate::key::{Key, Kind, Need, PATH, Table};

const KEYS: &[&str] = &["ecdsa:256", "ecdsa:384", "rsa:2048", "rsa:3072", "rsa:4096"];

pub(super) const EXTERNAL: Table = Table {
    name: "acme.external_account",
    doc: "An account that the authority already knows.",
    keys: &[
        Key {
            name: "id",
            kind: Kind::Text { hint: "the identifier that the authority has assigned" },
            need: Need::Required,
            nginx: "external_account_key",
            doc: "The identifier of the account at the authority.",
        },
        Key {
            name: "key",
            kind: Kind::Text { hint: "a file path, or `data:` and the key" },
            need: Need::Required,
            nginx: "external_account_key",
            doc: "The key of the account, base64url: a file, or `data:` followed by the key. The file is read when the ACME account is \
                  created and is not needed afterwards.",
        },
    ],
    unbuilt: &[],
};

pub(crate) const TABLE: Table = Table {
    name: "acme",
    doc: "Automatic certificates (ACME, RFC 8555) for servers with `tls.acme`. They are ordered and renewed while the gateway runs and take \
          effect without a reload. A certificate is renewed when a third of its lifetime is left, or when the authority suggests it (ARI). \
          Until the first certificate has been issued, TLS handshakes that need it fail. Failures are reported in the error log and retried \
          after two minutes, then twice as long each time up to six hours, or later if the authority asks for that, a week at most. If values in \
          this table change, the next attempt is made at once; to force one without a change, remove `certificates/NAME.retry` in \
          `state_path` and restart.",
    keys: &[
        Key {
            name: "directory",
            kind: Kind::Text { hint: "a URL that begins with https://" },
            need: Need::Default("\"https://acme-v02.api.letsencrypt.org/directory\""),
            nginx: "uri",
            doc: "The URL of the authority's directory. Default: Let's Encrypt's.",
        },
        Key {
            name: "state_path",
            kind: PATH,
            need: Need::Required,
            nginx: "state_path",
            doc: "The directory for accounts, certificates and their keys, accessible only to the user that started the process. It is \
                  created if it does not exist. Several processes may share it.",
        },
        Key {
            name: "contact",
            kind: Kind::List(&Kind::Text { hint: "an e-mail address or a URL" }),
            need: Need::Default("[]"),
            nginx: "contact",
            doc: "Contact addresses for the authority: \"mailto:hostmaster@example.com\", or the mail address alone.",
        },
        Key {
            name: "accept_terms_of_service",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "accept_terms_of_service",
            doc: "Agrees to the authority's terms of service. Most authorities issue nothing without this.",
        },
        Key {
            name: "challenge",
            kind: Kind::Choice { built: &["http-01", "tls-alpn-01"], unbuilt: &["dns-01"] },
            need: Need::Default("\"http-01\""),
            nginx: "challenge",
            doc: "How control of the names is proved. \"http-01\": the authority sends a request to port 80 of the name; every server that \
                  listens without `tls` answers it, before any rewrite step, location or `return`. \"tls-alpn-01\": the authority makes a handshake \
                  on port 443, which is answered wherever `listen` has `tls`.",
        },
        Key {
            name: "key",
            kind: Kind::Choice { built: KEYS, unbuilt: &["ecdsa:521"] },
            need: Need::Default("\"ecdsa:256\""),
            nginx: "acme_certificate ... key=",
            doc: "The type of the certificates' keys: \"ecdsa:256\", \"ecdsa:384\", \"rsa:2048\", \"rsa:3072\" or \"rsa:4096\". Each \
                  certificate has a key of its own.",
        },
        Key {
            name: "trusted_certificate",
            kind: PATH,
            need: Need::Optional,
            nginx: "ssl_trusted_certificate",
            doc: "A PEM file of CA certificates to verify the authority's own TLS certificate. Default: the system's.",
        },
        Key {
            name: "external_account",
            kind: Kind::Table(&EXTERNAL),
            need: Need::Optional,
            nginx: "external_account_key",
            doc: "An account that the authority already knows (RFC 8555 7.3.4), where it requires one.",
        },
        Key {
            name: "profile",
            kind: Kind::Text { hint: "the authority's name for a certificate profile" },
            need: Need::Optional,
            nginx: "",
            doc: "The certificate profile, by the authority's name for it, such as \"shortlived\".",
        },
    ],
    unbuilt: &[],
};

/// What `tls.acme` may be.
pub(crate) const SERVER: Key = Key {
    name: "acme",
    kind: Kind::Either(&[Kind::Bool, Kind::List(&Kind::Text { hint: "a host name or an IP address" })]),
    need: Need::Default("false"),
    nginx: "acme_certificate",
    doc: "true: a certificate for the server's names is ordered, as `[acme]` says; a list: for these names. Used instead of `certificates`. \
          Wildcards and regexes need DNS-01, which is not implemented. Servers with the same first name share one certificate.",
};
