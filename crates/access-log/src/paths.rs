//! A log whose path has variables: which file a line goes to.

use std::os::unix::ffi::OsStringExt;
use std::path::{Component, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use propylon_exchange::Exchange;
use propylon_vars::Template;

use crate::{Buffering, Sink, Sinks, Target};

/// How many of its files a log keeps open.
const OPEN: usize = 64;

/// The files of a path with variables: those that were written last stay open.
#[derive(Clone, Debug)]
pub(crate) struct Paths(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    path: Template,
    sinks: Sinks,
    buffering: Buffering,
    /// The one that was used last stands last.
    open: Mutex<Vec<(PathBuf, Arc<Sink>)>>,
}

impl Paths {
    pub(crate) fn new(path: Template, sinks: Sinks, buffering: Buffering) -> Self {
        Self(Arc::new(Shared { path, sinks, buffering, open: Mutex::default() }))
    }

    pub(crate) fn needs(&self) -> propylon_exchange::Keep {
        self.0.path.needs()
    }

    /// The file for an exchange; `None` if it cannot be opened, or if what variables say would lead elsewhere.
    pub(crate) fn of(&self, exchange: &Exchange) -> Option<Arc<Sink>> {
        let Shared { path, sinks, buffering, open } = &*self.0;
        let mut text = Vec::new();
        path.eval_into(exchange, &mut text);
        if text.is_empty() || text.contains(&0) {
            return None;
        }
        let path = PathBuf::from(std::ffi::OsString::from_vec(text));
        if path.components().any(|component| component == Component::ParentDir) {
            return None;
        }
        let mut open = open.lock();
        if let Some(at) = open.iter().position(|(known, _)| *known == path) {
            let found = open.remove(at);
            let sink = found.1.clone();
            open.push(found);
            return Some(sink);
        }
        let sink = match sinks.open(&Target::File(path.clone()), *buffering) {
            Ok(sink) => sink,
            Err(error) => {
                tracing::error!("access log: {error}");
                return None;
            }
        };
        if open.len() >= OPEN {
            open.remove(0);
        }
        open.push((path, sink.clone()));
        Some(sink)
    }
}
