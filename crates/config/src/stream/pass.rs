//! `proxy_pass` of a stream: which server its connections are joined with.

use propylon_vars::Template;

use crate::address::{self, Address, Problem};
use crate::proxy_pass::{Destination, destination};
use crate::reader::{Context, Value};
use crate::report::Diagnostic;
use crate::source::Spanned;

/// Which server a connection is joined with.
#[derive(Clone, Debug, PartialEq)]
pub enum StreamPass {
    /// One of these.
    Static {
        /// Whether TLS is spoken to it.
        secure: bool,
        /// An upstream, or an address.
        to: Destination,
    },
    /// The one that variables give for each connection: an upstream's name, or an address.
    Dynamic {
        /// Whether TLS is spoken to it.
        secure: bool,
        /// What names it, without `tls://`.
        target: Template,
    },
}

impl StreamPass {
    /// Whether TLS is spoken to the server.
    #[must_use]
    pub const fn is_secure(&self) -> bool {
        match self {
            Self::Static { secure, .. } | Self::Dynamic { secure, .. } => *secure,
        }
    }

    /// The upstream, if it is known before any connection.
    #[must_use]
    pub fn upstream(&self) -> Option<&str> {
        match self {
            Self::Static { to: Destination::Upstream(name), .. } => Some(name),
            _ => None,
        }
    }
}

pub(super) const EXPECTED: &str = "an upstream's name, an address with a port such as \"127.0.0.1:3306\", or \"unix:/path.sock\"; the prefix \
     `tls://` enables TLS to the server";

const TLS: &str = "tls://";

/// Reads the value of `proxy_pass` of a stream.
pub(super) fn read(cx: &mut Context, value: &Value<'_>) -> Option<Spanned<StreamPass>> {
    let text = value.get_ref().as_str()?;
    let span = value.span();
    let bare = text.strip_prefix(TLS);
    let (secure, bare) = (bare.is_some(), bare.unwrap_or(text));
    let start = text.len() - bare.len();
    let pass = if bare.contains('$') {
        cx.template(text, &span)?; // errors where they are
        let target = cx.compile_shared(bare, &span, propylon_vars::Context::Request)?;
        StreamPass::Dynamic { secure, target }
    } else {
        let wrong = |cx: &mut Context, problem: Problem| {
            let place = cx.inside(&span, text, problem.range);
            cx.push(Diagnostic::at(place, problem.message).label(format!("expected {EXPECTED}")));
        };
        match address(bare, start) {
            Ok(Some(address)) => StreamPass::Static { secure, to: Destination::Address(address) },
            Ok(None) => {
                let parts = address::host_port(bare, start).ok()?;
                let to = destination(cx, text, &span, start, &parts, &parts.address(0))?;
                if parts.port.is_none() && matches!(to, Destination::Address(_)) {
                    wrong(cx, Problem::new(start..text.len(), "the port is missing", EXPECTED));
                    return None;
                }
                StreamPass::Static { secure, to }
            }
            Err(problem) => {
                wrong(cx, problem);
                return None;
            }
        }
    };
    Some(Spanned::new(pass, cx.span(span)))
}

/// The address of a socket; nothing: it is a host.
fn address(bare: &str, start: usize) -> Result<Option<Address>, Problem> {
    let end = start + bare.len();
    if bare.contains("://") {
        return Err(Problem::new(start..end, "invalid scheme: a stream supports only `tls://`", EXPECTED));
    }
    let Some(path) = bare.strip_prefix("unix:") else {
        return address::host_port(bare, start).map(|_| None);
    };
    if path.is_empty() {
        return Err(Problem::new(start..end, "the path is empty", EXPECTED));
    }
    Ok(Some(Address::Unix(path.into())))
}
