use std::path::PathBuf;
use std::sync::Arc;

use tower_layer::Layer;

use crate::{Dav, WebDav};

/// Answers the methods that a [`Dav`] allows, and leaves all others to the service inside.
#[derive(Clone, Debug)]
pub struct DavLayer(Arc<(PathBuf, Dav)>);

impl DavLayer {
    /// Of the files in `root`.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>, dav: Dav) -> Self {
        Self(Arc::new((root.into(), dav)))
    }
}

impl<S> Layer<S> for DavLayer {
    type Service = WebDav<S>;

    fn layer(&self, inner: S) -> WebDav<S> {
        WebDav::new(inner, self.0.clone())
    }
}
