//! The rows, by what they are about.

mod acme;
mod auth_jwt;
mod auth_oidc;
mod beside;
mod browser;
mod cache;
mod cgi;
mod charset;
mod compression;
mod dav;
mod files;
mod geo;
mod geoip;
mod grpc;
mod headers;
mod health;
mod http;
mod http2;
mod http3;
mod keyval;
mod limits;
mod listen;
mod location;
mod log;
mod map;
mod memcached;
mod openssl;
mod process;
mod proxy;
mod resolver;
mod respond;
mod rewrite;
mod rewriting;
mod secure_link;
mod secured;
mod ssi;
mod sticky;
mod store;
mod stream;
mod substitute;
mod tls;
mod trace;
mod unbuilt;
mod upstream;
mod userid;

use crate::context::Contexts;
use crate::convert::{Convert, Done, Outcome, Target};
use crate::document::Value;
use crate::row::Row;
use crate::tree::Directive;

/// The groups, in the order of the documentation's page.
pub(crate) const GROUPS: &[(&str, &[Row])] = &[
    ("The process", process::ROWS),
    ("Servers", http::ROWS),
    ("Locations and answers", location::ROWS),
    ("JSON Web Tokens", auth_jwt::ROWS),
    ("OpenID Connect", auth_oidc::ROWS),
    ("Subrequests", beside::ROWS),
    ("Rewriting", rewrite::ROWS),
    ("Signed links", secure_link::ROWS),
    ("Files", files::ROWS),
    ("Proxying", proxy::ROWS),
    ("FastCGI", cgi::FASTCGI_ROWS),
    ("uwsgi", cgi::UWSGI_ROWS),
    ("SCGI", cgi::SCGI_ROWS),
    ("gRPC", grpc::ROWS),
    ("memcached", memcached::ROWS),
    ("TLS to servers of gRPC and uwsgi", secured::ROWS),
    ("Caches", cache::ROWS),
    ("Stored responses", store::ROWS),
    ("WebDAV", dav::ROWS),
    ("Limits", limits::ROWS),
    ("Header fields", headers::ROWS),
    ("Text substitution", substitute::ROWS),
    ("Server side includes", ssi::ROWS),
    ("Charsets", charset::ROWS),
    ("Compression", compression::ROWS),
    ("Redirects and cookies of upstreams", rewriting::ROWS),
    ("Client cookies (userid)", userid::ROWS),
    ("Upstreams", upstream::ROWS),
    ("Name resolution", resolver::ROWS),
    ("Variables", map::ROWS),
    ("Variables from addresses and percentages", geo::ROWS),
    ("Variables from GeoIP databases", geoip::ROWS),
    ("Variables from the browser", browser::ROWS),
    ("Key-value zones", keyval::ROWS),
    ("Logs", log::ROWS),
    ("TLS", tls::ROWS),
    ("Automatic certificates (ACME)", acme::ROWS),
    ("Traces", trace::ROWS),
    ("Streams", stream::ROWS),
    ("Stream directives that are not supported", stream::UNBUILT),
    ("Directives that are not supported", unbuilt::ROWS),
];

/// All rows.
pub(crate) fn all() -> impl Iterator<Item = &'static Row> {
    GROUPS.iter().flat_map(|(_, rows)| rows.iter())
}

/// The row of a directive in a block.
pub(crate) fn find(name: &str, context: Contexts) -> Option<&'static Row> {
    all().find(|row| row.name == name && row.contexts.has(context))
}

/// `TABLE.types`, of which text/html is always one. Several directives add up.
fn media_types(convert: &mut Convert<'_>, directive: &Directive, table: &'static str) -> Outcome {
    let path = [table, "types"];
    if !convert.frame().section.has(&path) {
        convert.set(Target::Here, &path, Value::List(vec![Value::text("text/html")]), &directive.place);
    }
    for index in (0..directive.args().len()).filter(|index| directive.arg(*index) != "text/html") {
        let value = Value::text(directive.arg(index)).at(directive.place_of(index));
        convert.push(Target::Here, &path, value, &directive.place);
    }
    Ok(Done::AsWritten)
}

pub(crate) use acme::Issuers;
pub(crate) use health::Checks;
pub(crate) use http::complete;
pub(crate) use stream::join as join_streams;
pub(crate) use trace::Spans;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_row_stands_twice() {
        let rows: Vec<&Row> = all().collect();
        for (index, row) in rows.iter().enumerate() {
            let later = rows
                .iter()
                .skip(index + 1)
                .find(|later| later.name == row.name && later.contexts.has(row.contexts));
            assert!(later.is_none(), "{} stands twice for the same block", row.name);
        }
    }

    #[test]
    fn what_is_not_exact_says_why() {
        for row in all() {
            assert!(row.verdict == crate::Verdict::Exact || !row.note.is_empty(), "{} has no note", row.name);
        }
    }
}
