//! `try_files`: which file, or else what, answers.

use bytes::Bytes;
use propylon_config::{self as config, Settings, TryLast};
use propylon_exchange::Exchange;
use propylon_files::Candidate;
use propylon_vars::Document;

use super::files::{self, Rules};
use super::{Found, Site};
use crate::phases::Step;
use crate::reroute::{Reroute, RerouteTarget};
use crate::rescue;
use crate::routing::Path;

/// The files of a location, and what is done if none is there.
#[derive(Clone)]
pub(crate) struct TryFiles {
    config: config::TryFiles,
    rules: Rules,
}

/// A file that is looked for, and what becomes of the request if it is there.
struct Tried {
    uri: Option<Bytes>,
    /// Whether the path stands behind the directory from then on, which was the whole name before.
    appending: bool,
}

impl TryFiles {
    pub(crate) fn new(config: &config::TryFiles, settings: &Settings, site: &Site) -> Self {
        Self { config: config.clone(), rules: Rules::new(&settings.files, site.types.clone()) }
    }

    /// Looks for the files; the one that is found is what `path` is from then on.
    pub(crate) async fn run(&self, exchange: &Exchange, path: &mut Path) -> Step {
        let Some(document) = propylon_vars::document(exchange) else { return self.last(exchange) };
        let uri = path.decoded().clone();
        let (mut tried, mut candidates) = (Vec::new(), Vec::new());
        for file in &self.config.files {
            let name = file.name.eval(exchange);
            let (rest, found) = place(&document, &uri, &name, file);
            let Some(place) = files::path(exchange, &document.with_rest(exchange, &rest)) else { continue };
            tried.push(found);
            candidates.push(Candidate { path: place, directory: file.directory });
        }
        let first = self.rules.files(exchange).first(candidates).await.unwrap_or_default();
        for failure in &first.failures {
            rescue::report_text(exchange, &failure.to_string());
        }
        let Some(tried) = first.found.and_then(|at| tried.into_iter().nth(at)) else {
            return self.last(exchange);
        };
        if tried.appending {
            propylon_vars::set_document(exchange, Some(document.appending().into()));
        }
        if let Some(uri) = tried.uri {
            *path = path.clone().tried(uri.clone());
            propylon_vars::set_uri(exchange, uri, path.args().cloned());
        }
        Step::Go
    }

    fn last(&self, exchange: &Exchange) -> Step {
        let target = match &self.config.last {
            TryLast::Status(status) => return Step::Answer(Found::page(*status)),
            TryLast::Named(name) => RerouteTarget::Named(name.clone()),
            TryLast::Path(path) => RerouteTarget::parse(&path.eval(exchange)),
        };
        Step::Reroute(Box::new(Reroute::to(target)))
    }
}

/// What follows the directory, and what becomes of the request.
fn place(document: &Document, uri: &Bytes, name: &Bytes, file: &config::TryFile) -> (Bytes, Tried) {
    let matched = document.matched();
    if document.is_whole() {
        let uri = (!file.directory).then(|| name.clone());
        return (name.clone(), Tried { appending: uri.is_some(), uri });
    }
    if matched == 0 {
        // A name that does not begin with a slash must not make another directory of the root.
        let name = if name.starts_with(b"/") { name.clone() } else { [b"/", &**name].concat().into() };
        return (name.clone(), Tried { uri: Some(name), appending: false });
    }
    let prefix = uri.get(..matched).unwrap_or_default();
    let computed = file.name.as_static().is_none();
    let rest = name.strip_prefix(prefix).filter(|_| computed).unwrap_or(name);
    let tried = Tried { uri: Some([prefix, rest].concat().into()), appending: false };
    (name.slice_ref(rest), tried)
}
