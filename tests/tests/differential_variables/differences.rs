//! Where the two differ, and are meant to.

/// Differences that are meant: in which exchanges, of which variables, and why.
pub(crate) struct Deliberate {
    pub(crate) exchanges: &'static [&'static str],
    pub(crate) variables: &'static [&'static str],
    pub(crate) reason: &'static str,
}

/// What hyper cannot do, when the tests run on it.
pub(crate) const HYPER: &[Deliberate] = &[
    Deliberate {
        exchanges: &["upstream in chunks"],
        variables: &["upstream_response_length"],
        reason: "hyper decodes chunks, and tells nobody how long they were",
    },
    Deliberate {
        exchanges: &["bad method"],
        variables: &["http_host", "request_method", "request_uri", "server_protocol"],
        reason: "hyper takes any method: the request is refused later, as a whole",
    },
    Deliberate {
        exchanges: &["bad version", "bad length"],
        variables: &["status", "request"],
        reason: "hyper says of a refused head neither what it was nor why",
    },
    Deliberate {
        exchanges: &["TLS", "no version", "bad version", "bad length", "space in the target"],
        variables: &["request_completion"],
        reason: "the answer to a refused head is written by hand, and its end is not waited for",
    },
];

/// An entry of which a part is needed no more fails the test.
pub(crate) const DELIBERATE: &[Deliberate] = &[
    Deliberate {
        exchanges: OWN_PAGES,
        variables: &["body_bytes_sent", "bytes_sent"],
        reason: "the pages of errors and redirects are our own, and of another length",
    },
    Deliberate {
        exchanges: OWN_PAGES,
        variables: &["sent_http_content_length"],
        reason: "the pages of errors and redirects are our own, and of another length",
    },
    Deliberate {
        exchanges: &["POST in chunks"],
        variables: &["content_length", "upstream_bytes_sent"],
        reason: "a chunked request stays chunked; nginx makes it one with a length when it came with the head",
    },
    Deliberate {
        exchanges: &["POST in chunks"],
        variables: &["request_length"],
        reason: "the length of the body, decoded; nginx counts the framing of chunks as well",
    },
    Deliberate {
        exchanges: &["upstream cuts", "upstream stalls"],
        variables: &["request_completion"],
        reason: "a response that was cut is not complete; nginx says OK",
    },
    Deliberate {
        exchanges: &["no version", "bad version"],
        variables: &["server_protocol"],
        reason: "nothing is logged as nothing, not as an empty text",
    },
    Deliberate {
        exchanges: &["bad escape", "out of the root"],
        variables: &["request_uri", "request_length", "http_host"],
        reason: "the whole head is read before it is judged, so more of it is known",
    },
    Deliberate {
        exchanges: &["bad method"],
        variables: &["request_length"],
        reason: "the whole head is read before it is judged, so more of it is known",
    },
    Deliberate {
        exchanges: &["bad coding"],
        variables: &["request_method", "request_uri", "server_protocol", "http_host", "uri", "document_uri"],
        reason: "a head that is refused for its framing is not taken apart: the log has its line",
    },
    Deliberate {
        exchanges: &["bad escape", "out of the root"],
        variables: &["uri", "document_uri"],
        reason: "what was refused has no normalised path; nginx has an empty one",
    },
    Deliberate {
        exchanges: &["bad host", "two hosts", "TLS", "no version", "bad version", "space in the target"],
        variables: &["request_length"],
        reason: "the whole head is read before it is judged, and counted; nginx stops where it is wrong",
    },
    Deliberate {
        exchanges: &["two hosts"],
        variables: &["http_host"],
        reason: "the whole head is read before it is judged, so more of it is known",
    },
    Deliberate {
        exchanges: &["client is slow with its head", "client leaves in its head"],
        variables: &[
            "uri",
            "document_uri",
            "request_uri",
            "request_method",
            "server_protocol",
            "request_length",
        ],
        reason: "a head that never ended is not parsed, only counted and shown in $request",
    },
    Deliberate {
        exchanges: &["client leaves in its line"],
        variables: &["request_length"],
        reason: "a head that never ended is not parsed, only counted and shown in $request",
    },
    Deliberate {
        exchanges: &["client is slow with its head"],
        variables: &["bytes_sent", "body_bytes_sent", "sent_http_content_type", "sent_http_content_length"],
        reason: "a client that is slow with its head is told so, with 408; nginx closes without a word",
    },
    Deliberate {
        exchanges: &["bad length"],
        variables: &[
            "uri",
            "document_uri",
            "request_uri",
            "request_method",
            "server_protocol",
            "http_host",
            "content_length",
        ],
        reason: "a head that is refused is not taken apart: only $request is known",
    },
];

/// Exchanges that end with a page which the proxy wrote itself.
const OWN_PAGES: &[&str] = &[
    "all refused",
    "upstream closes",
    "upstream closes a kept connection",
    "upstream sends a bad field",
    "upstream never answers",
    "redirect",
    "slash added",
    "bad host",
    "host missing",
    "two hosts",
    "bad escape",
    "bad method",
    "out of the root",
    "TLS",
    "no version",
    "bad version",
    "bad length",
    "bad coding",
    "trace",
    "space in the target",
];

impl Deliberate {
    pub(crate) fn covers(&self, exchange: &str, variable: &str) -> bool {
        self.exchanges.contains(&exchange) && self.variables.contains(&variable)
    }
}
