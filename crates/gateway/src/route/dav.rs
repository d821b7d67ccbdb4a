//! `dav`: configuration to what lets clients write files.

use std::ffi::OsStr;
use std::future::Future;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::LOCATION;
use http::{HeaderValue, Request, Response, StatusCode};
use propylon_config::{Settings, Symlinks, Template};
use propylon_dav::{Dav, Failure, Links, Target, Verb};
use propylon_exchange::Exchange;
use propylon_stack::{Body, BoxError, Route};
use propylon_vars::Document;
use tower_layer::Layer;
use tower_service::Service;

use super::Site;
use super::buffer::BufferLayer;
use super::files::{self, Asked};
use crate::error::BuildError;
use crate::page::{self, Face};
use crate::redirects::Redirects;
use crate::rescue::{self, RescueLayer};
use crate::router::Location;
use crate::upstreams::Upstreams;

type Answering = Pin<Box<dyn Future<Output = Result<Response<Body>, BoxError>> + Send>>;

/// A location of files, which clients may write where the settings say so.
pub(super) fn location(
    settings: &Settings,
    site: &Site,
    upstreams: &Upstreams<'_>,
) -> Result<Location, BuildError> {
    let files = files::Leaf::new(settings, site);
    if settings.dav.methods.is_empty() {
        return super::finish(files, false, settings, site, upstreams);
    }
    let writer = Writer(Arc::new(Rules::new(settings, site)));
    let dav = writer.0.dav.clone();
    // A body goes to its place as it comes, as much of it as is allowed.
    let buffer = BufferLayer::passing(settings, &upstreams.config.runtime);
    let leaf = Leaf { dav, writer: Route::new(buffer.layer(writer)), files };
    super::finish(RescueLayer::new(site.face.clone()).layer(leaf), false, settings, site, upstreams)
}

/// Writes what is allowed; all else is for whoever reads files.
#[derive(Clone)]
struct Leaf {
    dav: Arc<Dav>,
    writer: Route,
    files: files::Leaf,
}

impl Service<Request<Body>> for Leaf {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(())) // so are both
    }

    fn call(&mut self, request: Request<Body>) -> Answering {
        if self.dav.allows(request.method()) {
            Box::pin(self.writer.call(request))
        } else {
            self.files.call(request)
        }
    }
}

#[derive(Clone)]
struct Writer(Arc<Rules>);

struct Rules {
    dav: Arc<Dav>,
    symlinks: Symlinks,
    from: Option<Template>,
    face: Face,
    redirects: Redirects,
}

impl Service<Request<Body>> for Writer {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Answering {
        let rules = self.0.clone();
        Box::pin(async move { rules.answer(request).await })
    }
}

impl Rules {
    fn new(settings: &Settings, site: &Site) -> Self {
        let dav = &settings.dav;
        let verbs = Verb::ALL.into_iter().filter(|verb| dav.methods.contains(&verb.as_str()));
        let dav = Dav::new(verbs)
            .access(dav.access)
            .create_full_put_path(dav.create_full_put_path)
            .min_delete_depth(dav.min_delete_depth);
        Self {
            dav: Arc::new(dav),
            symlinks: settings.files.symlinks,
            from: settings.files.symlinks_from.clone(),
            face: site.face.clone(),
            redirects: site.redirects.clone(),
        }
    }

    /// What links mean. None is a way to where nobody of this server writes: of a link and what it leads to, both may be the client's.
    fn links(&self, exchange: &Exchange) -> Links {
        if self.symlinks == Symlinks::Follow {
            return Links::Follow;
        }
        Links::Refuse(self.from.as_ref().map(|from| OsStr::from_bytes(&from.eval(exchange)).into()))
    }

    async fn answer(&self, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        let Asked { exchange, path, document } = match files::asked(request.extensions()) {
            Ok(asked) => asked,
            Err(status) => return Ok(page::error(status, &self.face)),
        };
        let uri = path.decoded();
        let Some(place) = files::path(&exchange, &document.file(&exchange, uri)) else {
            return Ok(page::error(StatusCode::NOT_FOUND, &self.face));
        };
        let dav = Dav::clone(&self.dav).links(self.links(&exchange));
        let response = {
            let elsewhere = |to: &[u8]| elsewhere(&exchange, &document, uri, to);
            let target = Target {
                path: place,
                uri: uri.clone(),
                scheme: if exchange.connection().tls.is_some() { "https" } else { "http" },
                host: exchange.host().map(|host| &host[..]),
                elsewhere: &elsewhere,
            };
            dav.respond(request, target)
        };
        Ok(self.finish(&exchange, response.await?))
    }

    /// What failed has its page, and where something was made is told as redirects are.
    fn finish(&self, exchange: &Exchange, mut response: Response<()>) -> Response<Body> {
        if let Some(failure) = response.extensions_mut().remove::<Failure>() {
            rescue::report_text(exchange, &failure.to_string());
            return page::error(failure.status(), &self.face);
        }
        if let Some(location) = response.headers_mut().get_mut(LOCATION) {
            let absolute = self.redirects.absolute(exchange, location.as_bytes());
            if let Ok(absolute) = HeaderValue::from_maybe_shared(absolute) {
                *location = absolute;
            }
        }
        response.map(|()| Body::empty())
    }
}

/// The file of another path; none, if an `alias` has none for it (nginx).
fn elsewhere(exchange: &Exchange, document: &Document, uri: &[u8], to: &[u8]) -> Option<PathBuf> {
    let matched = document.matched();
    if matched > 0 && to.get(..matched) != uri.get(..matched) {
        return None;
    }
    files::path(exchange, &document.file(exchange, to))
}
