//! `root`, `alias`, `index`, `files`: configuration to files.

use std::ffi::OsStr;
use std::future::Future;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{ACCEPT_RANGES, LAST_MODIFIED, LOCATION};
use http::{Extensions, HeaderValue, Method, Request, Response, StatusCode};
use propylon_config::{self as config, Rest, Settings, Template};
use propylon_exchange::Exchange;
use propylon_files::{
    Coding, Failure, Files, IfModifiedSince, Index, ListFormat, Listing, Symlinks, Target, Types, climbs,
};
use propylon_stack::{Body, BoxError};
use propylon_vars::{Document, FileName};
use tower_service::Service;

use super::{Keeper, Site};
use crate::page::{self, Face};
use crate::redirects::Redirects;
use crate::reroute::{Earlier, Reroute, RerouteTarget};
use crate::rescue;
use crate::routing;

/// Where the files of a place are.
pub(crate) fn document(settings: &Settings) -> Option<Arc<Document>> {
    let root = settings.files.root.as_ref()?;
    let directory = root.directory.clone();
    let document = match root.rest {
        Rest::All => Document::root(directory),
        Rest::Behind(matched) => Document::alias(directory, matched),
        Rest::Nothing => Document::whole(directory),
    };
    let here = std::env::current_dir().unwrap_or_default();
    Some(Arc::new(document.relative_to(Bytes::copy_from_slice(here.as_os_str().as_bytes()))))
}

/// Which types files have, and texts of the configuration too.
pub(crate) fn types(settings: &config::Files) -> Types {
    let types = match &settings.types {
        None => Types::common(),
        Some(types) => types.iter().fold(Types::none(), |types, (media_type, extensions)| {
            extensions.iter().fold(types, |types, extension| types.with(extension, media_type.clone()))
        }),
    };
    types.default_type(settings.default_type.clone())
}

/// How files are opened and sent.
#[derive(Clone)]
pub(crate) struct Rules {
    files: Files,
    symlinks: Symlinks,
    from: Option<Template>,
    log_not_found: bool,
}

impl Rules {
    pub(crate) fn new(settings: &config::Files, types: Types) -> Self {
        let symlinks = match settings.symlinks {
            config::Symlinks::Follow => Symlinks::follow(),
            config::Symlinks::Refuse => Symlinks::refuse(),
            config::Symlinks::SameOwner => Symlinks::same_owner(),
        };
        let coding = |coding: &config::Precompressed| match coding {
            config::Precompressed::Gzip => Coding::Gzip,
            config::Precompressed::Brotli => Coding::Brotli,
            config::Precompressed::Zstd => Coding::Zstd,
        };
        let max_ranges = settings.max_ranges.and_then(|max| usize::try_from(max).ok());
        let files = Files::new()
            .types(types)
            .etag(settings.etag)
            .if_modified_since(match settings.if_modified_since {
                config::IfModifiedSince::Off => IfModifiedSince::Off,
                config::IfModifiedSince::Exact => IfModifiedSince::Exact,
                config::IfModifiedSince::Before => IfModifiedSince::Before,
            })
            .max_ranges(max_ranges.unwrap_or(usize::MAX))
            .precompressed(settings.precompressed.iter().map(coding).collect::<Vec<_>>())
            .symlinks(symlinks.clone());
        let from = settings.symlinks_from.clone().filter(|_| !symlinks.are_followed());
        Self { files, symlinks, from, log_not_found: settings.log_not_found }
    }

    /// The same for one request: where links are looked at may depend on it.
    pub(crate) fn files(&self, exchange: &Exchange) -> Files {
        match &self.from {
            None => self.files.clone(),
            Some(from) => {
                let from = from.eval(exchange);
                self.files.clone().symlinks(self.symlinks.clone().from(OsStr::from_bytes(&from)))
            }
        }
    }

    /// Says in the error log why there is no file.
    fn report(&self, exchange: &Exchange, failure: &Failure) {
        if self.log_not_found || !failure.is_not_found() {
            rescue::report_text(exchange, &failure.to_string());
        }
    }
}

/// What a request for a file is known by.
pub(super) struct Asked {
    pub(super) exchange: Exchange,
    pub(super) path: routing::Path,
    pub(super) document: Arc<Document>,
}

/// Finds that in the extensions of a request, or the status that stands for what is missing.
pub(super) fn asked(extensions: &Extensions) -> Result<Asked, StatusCode> {
    let exchange = extensions.get::<Exchange>().cloned().ok_or(StatusCode::INTERNAL_SERVER_ERROR)?;
    let path = extensions.get::<routing::Path>().cloned().ok_or(StatusCode::INTERNAL_SERVER_ERROR)?;
    let document = propylon_vars::document(&exchange).ok_or(StatusCode::NOT_FOUND)?;
    if document.matched() > 0 && !path.is_in_location() {
        rescue::report_text(&exchange, "\"alias\" cannot be used in a location where the URI was rewritten");
        return Err(StatusCode::INTERNAL_SERVER_ERROR);
    }
    Ok(Asked { exchange, path, document })
}

/// The name as a path; none if the request has made it leave its directory.
pub(crate) fn path(exchange: &Exchange, name: &FileName) -> Option<PathBuf> {
    if climbs(&name.path, name.fixed) {
        let text = String::from_utf8_lossy(&name.path);
        rescue::report_text(exchange, &format!("\"{text}\" is outside its root"));
        return None;
    }
    Some(Path::new(OsStr::from_bytes(&name.path)).to_owned())
}

fn listing(settings: config::Autoindex) -> Listing {
    let format = match settings.format {
        config::AutoindexFormat::Html => ListFormat::Html,
        config::AutoindexFormat::Json => ListFormat::Json,
        config::AutoindexFormat::Jsonp => ListFormat::Jsonp,
        config::AutoindexFormat::Xml => ListFormat::Xml,
    };
    Listing::new(format).exact_size(settings.exact_size).local_time(settings.local_time)
}

/// A leaf that answers with files.
#[derive(Clone)]
pub(crate) struct Leaf(Arc<Inner>);

struct Inner {
    rules: Rules,
    index: Vec<Template>,
    listing: Option<Listing>,
    random: bool,
    face: Face,
    redirects: Redirects,
}

impl Leaf {
    pub(crate) fn new(settings: &Settings, site: &Site) -> Self {
        Self(Arc::new(Inner {
            rules: Rules::new(&settings.files, site.types.clone()),
            index: settings.files.index.clone(),
            listing: settings.files.autoindex.map(listing),
            random: settings.files.random_index,
            face: site.face.clone(),
            redirects: site.redirects.clone(),
        }))
    }
}

impl Service<Request<Body>> for Leaf {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let leaf = self.0.clone();
        Box::pin(async move { Ok(leaf.answer(request).await) })
    }
}

impl Inner {
    async fn answer(&self, mut request: Request<Body>) -> Response<Body> {
        Keeper::give_back(&mut request);
        let (parts, _) = request.into_parts();
        let Asked { exchange, path, document } = match asked(&parts.extensions) {
            Ok(asked) => asked,
            Err(status) => return page::error(status, &self.face),
        };
        let request = Request::from_parts(parts, ());
        let uri = path.decoded();
        let readable = matches!(*request.method(), Method::GET | Method::HEAD | Method::POST);
        if uri.ends_with(b"/") && readable {
            if self.random
                && let Some(answer) = self.random(&exchange, &document, &path).await
            {
                return answer;
            }
            return self.index(&request, &exchange, &document, &path).await;
        }
        let name = document.file(&exchange, uri);
        let Some(file) = self::path(&exchange, &name) else {
            return page::error(StatusCode::NOT_FOUND, &self.face);
        };
        let target = Target { path: file, uri: uri.clone(), args: path.args().cloned() };
        let mut files = self.rules.files(&exchange);
        let earlier = request.extensions().get::<Earlier>().cloned();
        if let Some(media_type) = earlier.as_ref().and_then(|earlier| earlier.media_type.clone()) {
            files = files.types(Types::none().default_type(Some(media_type)));
        }
        let mut response = files.respond(&request, target).await;
        if earlier.is_some_and(|earlier| earlier.shows_error) {
            // A page of an error is nothing to ask for parts of, or whether it has changed.
            response.headers_mut().remove(ACCEPT_RANGES);
            response.headers_mut().remove(LAST_MODIFIED);
        }
        self.finish(&exchange, response)
    }

    /// A directory: another round with one of its files, if it has any.
    async fn random(
        &self,
        exchange: &Exchange,
        document: &Document,
        path: &routing::Path,
    ) -> Option<Response<Body>> {
        let uri = path.decoded();
        let Some(place) = self::path(exchange, &document.file(exchange, uri)) else {
            return Some(page::error(StatusCode::NOT_FOUND, &self.face));
        };
        match self.rules.files(exchange).random(place).await {
            Ok(name) => {
                let to = Bytes::from([&**uri, name?.as_bytes()].concat());
                Some(goes_on_to(to, path))
            }
            Err(failure) => Some(self.finish(exchange, failure.into())),
        }
    }

    /// A directory: another round with its index file, or else its list.
    async fn index(
        &self,
        request: &Request<()>,
        exchange: &Exchange,
        document: &Document,
        path: &routing::Path,
    ) -> Response<Body> {
        let uri = path.decoded();
        let directory = document.file(exchange, uri);
        let (mut names, mut candidates, mut elsewhere) = (Vec::new(), Vec::new(), None);
        for template in &self.index {
            let name = template.eval(exchange);
            if name.starts_with(b"/") {
                elsewhere = Some(name);
                break;
            }
            let whole = [&*directory.path, &*name].concat().into();
            let Some(file) = self::path(exchange, &FileName { path: whole, ..directory.clone() }) else {
                continue;
            };
            names.push(name);
            candidates.push(file);
        }
        let Some(place) = self::path(exchange, &directory) else {
            return page::error(StatusCode::NOT_FOUND, &self.face);
        };
        let found = if candidates.is_empty() && elsewhere.is_some() {
            None
        } else {
            self.rules.files(exchange).index(place.clone(), candidates).await
        };
        let to = match found {
            Some(Index::Found(at)) => names.get(at).map(|name| Bytes::from([&**uri, &**name].concat())),
            Some(Index::Failed(failure)) => match elsewhere.filter(|_| failure.is_no_index()) {
                Some(path) => Some(path),
                None => {
                    let lists = failure.is_no_index() && *request.method() != Method::POST;
                    let response = match self.listing.filter(|_| lists) {
                        Some(listing) => {
                            let directory =
                                Target { path: place, uri: uri.clone(), args: path.args().cloned() };
                            self.rules.files(exchange).list(request, listing, directory).await
                        }
                        None => failure.into(),
                    };
                    return self.finish(exchange, response);
                }
            },
            None => elsewhere,
        };
        let Some(to) = to else { return page::error(StatusCode::INTERNAL_SERVER_ERROR, &self.face) };
        goes_on_to(to, path)
    }

    /// What the gateway has pages for has its page, and redirects are absolute.
    fn finish(&self, exchange: &Exchange, response: Response<propylon_files::Body>) -> Response<Body> {
        let (mut head, mut body) = response.into_parts();
        if let Some(failure) = head.extensions.remove::<Failure>() {
            self.rules.report(exchange, &failure);
        }
        if head.status.as_u16() < 300 || head.status == StatusCode::NOT_MODIFIED {
            let body = body
                .take_bytes()
                .map_or_else(|| Body::filed(body, |body| body.get_mut().take_file()), Body::from);
            return Response::from_parts(head, body);
        }
        if let Some(location) = head.headers.get_mut(LOCATION) {
            match HeaderValue::from_maybe_shared(self.redirects.absolute(exchange, location.as_bytes())) {
                Ok(absolute) => *location = absolute,
                Err(_) => return page::error(StatusCode::BAD_REQUEST, &self.face),
            }
        }
        let mut response = page::error(head.status, &self.face);
        response.headers_mut().extend(head.headers);
        response
    }
}

/// Another round for this path, with the arguments that there are.
fn goes_on_to(to: Bytes, path: &routing::Path) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    let target = RerouteTarget::Path(to, path.args().cloned());
    response.extensions_mut().insert(Reroute::to(target));
    response
}
