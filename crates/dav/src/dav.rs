//! What is asked for, and how it is done.

use std::ffi::OsStr;
use std::future::Future;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, DATE, LOCATION};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, request};

use crate::ask::{self, Depth};
use crate::change::{Change, Other};
use crate::conditions::Conditions;
use crate::place::{Links, steps};
use crate::put::{self, Put};
use crate::{BoxError, Failure, Verb};

/// How clients write: a builder.
///
/// ```
/// use propylon_dav::{Dav, Verb};
///
/// let dav = Dav::new([Verb::Put, Verb::Delete]).access(0o644).min_delete_depth(2);
/// assert!(dav.allows(&http::Method::PUT) && !dav.allows(&http::Method::GET));
/// ```
#[derive(Clone, Debug)]
pub struct Dav {
    verbs: Vec<Verb>,
    access: u32,
    create_full_put_path: bool,
    min_delete_depth: usize,
    links: Links,
}

/// What a request is for.
pub struct Target<'a> {
    /// The name of the file or the directory.
    pub path: PathBuf,
    /// The path of the request, decoded: with a slash at its end a collection is meant.
    pub uri: Bytes,
    /// How the request came: `http` or `https`.
    pub scheme: &'a str,
    /// The host that it is for; none: what `Host` says.
    pub host: Option<&'a [u8]>,
    /// The name that another path, decoded, stands for; none, if that is not to be written to.
    pub elsewhere: &'a dyn Fn(&[u8]) -> Option<PathBuf>,
}

/// What is to be done.
enum Plan {
    Put(Put),
    Change(Change),
}

impl Dav {
    /// These methods are allowed (nginx: `dav_methods`).
    #[must_use]
    pub fn new(verbs: impl IntoIterator<Item = Verb>) -> Self {
        Self {
            verbs: verbs.into_iter().collect(),
            access: 0o600,
            create_full_put_path: false,
            min_delete_depth: 0,
            links: Links::Follow,
        }
    }

    /// The rights of files; who may read one may enter the directories that are made. Default 0o600 (nginx: `dav_access`).
    #[must_use]
    pub fn access(mut self, mode: u32) -> Self {
        self.access = mode & 0o777;
        self
    }

    /// Whether PUT makes the directories that are missing; else it is a 409. Default false (nginx: `create_full_put_path`).
    #[must_use]
    pub fn create_full_put_path(mut self, on: bool) -> Self {
        self.create_full_put_path = on;
        self
    }

    /// How many names the path of a DELETE has at least. Default 0 (nginx: `min_delete_depth`).
    #[must_use]
    pub fn min_delete_depth(mut self, names: usize) -> Self {
        self.min_delete_depth = names;
        self
    }

    /// What symbolic links on the way to a file mean. Default: they are followed.
    #[must_use]
    pub fn links(mut self, links: Links) -> Self {
        self.links = links;
        self
    }

    /// Whether this method is one of those that are allowed.
    #[must_use]
    pub fn allows(&self, method: &http::Method) -> bool {
        Verb::of(method).is_some_and(|verb| self.verbs.contains(&verb))
    }

    /// Does what a request asks for, and answers it. Errors are responses with a [`Failure`]; a method that is not allowed is a 405.
    ///
    /// # Errors
    /// Those of the request's body: nothing is left of what came of it.
    pub fn respond<B>(
        &self,
        request: Request<B>,
        target: Target<'_>,
    ) -> impl Future<Output = Result<Response<()>, BoxError>> + Send + use<B>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let (head, body) = request.into_parts();
        let uri = target.uri.clone();
        let plan = self.plan(&head, !body.is_end_stream(), target);
        let (links, conditions) = (self.links.clone(), Conditions::of(&head.headers));
        async move {
            let done = match plan {
                Ok(Plan::Put(put)) => put::put(put, conditions, links, body).await?,
                Ok(Plan::Change(change)) => blocking(move || change.perform(&conditions, &links)).await,
                Err(failure) => Err(failure),
            };
            Ok(answer(done, &uri))
        }
    }

    /// `body`: whether there is one.
    fn plan(&self, head: &request::Parts, body: bool, target: Target<'_>) -> Result<Plan, Failure> {
        let verb = Verb::of(&head.method).filter(|verb| self.verbs.contains(verb));
        let verb = verb.ok_or_else(|| Failure::said(StatusCode::METHOD_NOT_ALLOWED, "not allowed"))?;
        let collection = target.uri.ends_with(b"/");
        if body && verb != Verb::Put {
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE; // RFC 4918 8.4
            return Err(Failure::said(status, "a request body is supported with PUT only"));
        }
        match verb {
            Verb::Put => self.plan_put(&head.headers, target.path, collection),
            Verb::Delete => self.plan_delete(&head.headers, target),
            Verb::MkCol => {
                if !collection {
                    return Err(conflict("MKCOL can create a collection only"));
                }
                Ok(Plan::Change(Change::MkCol { path: target.path, mode: self.directory_access() }))
            }
            Verb::Copy | Verb::Move => self.plan_other(&head.headers, &target, verb == Verb::Move),
        }
    }

    fn plan_put(&self, headers: &HeaderMap, path: PathBuf, collection: bool) -> Result<Plan, Failure> {
        if collection {
            return Err(conflict("cannot PUT to a collection"));
        }
        if headers.contains_key(CONTENT_RANGE) {
            return Err(Failure::said(StatusCode::NOT_IMPLEMENTED, "PUT with range is unsupported"));
        }
        let date = headers.get(DATE).and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
        let (access, directories) = (self.access, self.directory_access());
        let create = self.create_full_put_path;
        Ok(Plan::Put(Put { path, access, directories: create.then_some(directories), modified: date }))
    }

    fn plan_delete(&self, headers: &HeaderMap, target: Target<'_>) -> Result<Plan, Failure> {
        // Names, not slashes: of several of these, which stand for one, nobody is let in deeper.
        let names = steps(Path::new(OsStr::from_bytes(&target.uri))).count();
        if names < self.min_delete_depth {
            return Err(conflict("insufficient URI depth to DELETE"));
        }
        let (depth, collection) = (ask::depth(headers)?, target.uri.ends_with(b"/"));
        Ok(Plan::Change(Change::Delete { path: target.path, collection, depth }))
    }

    fn plan_other(&self, headers: &HeaderMap, target: &Target<'_>, moves: bool) -> Result<Plan, Failure> {
        let bad = |what| Failure::said(StatusCode::BAD_REQUEST, what);
        let uri = ask::destination(headers, target.scheme, target.host)?;
        let collection = target.uri.ends_with(b"/");
        if collection != uri.ends_with(b"/") {
            return Err(conflict(
                "both URI and \"Destination\" URI should be either collections or non-collections",
            ));
        }
        let to = (target.elsewhere)(&uri);
        let to = to.ok_or_else(|| bad("\"Destination\" URI must be within the location"))?;
        let deep = match ask::depth(headers)? {
            None | Some(Depth::Infinity) => true,
            Some(Depth::Zero) if !moves => false,
            Some(_) if moves => return Err(bad("\"Depth\" header must be infinity")),
            Some(_) => return Err(bad("\"Depth\" header must be 0 or infinity")),
        };
        let overwrite = ask::overwrite(headers)?;
        let from = target.path.clone();
        let mode = self.directory_access();
        Ok(Plan::Change(Change::Other(Other { moves, from, to, collection, deep, overwrite, mode })))
    }

    /// Who may read may enter (nginx).
    fn directory_access(&self) -> u32 {
        self.access | (self.access & 0o444) >> 2
    }
}

/// Does what may wait on a thread that may.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let ended = |_| Err(Failure::said(StatusCode::INTERNAL_SERVER_ERROR, "the runtime is shutting down"));
    tokio::task::spawn_blocking(work).await.unwrap_or_else(ended)
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Done {
    /// Something is at the path of the request now that was not there.
    CreatedHere,
    /// Something is elsewhere.
    Created,
    Changed,
}

fn answer(done: Result<Done, Failure>, uri: &[u8]) -> Response<()> {
    let mut response = Response::new(());
    match done {
        Ok(done) => {
            *response.status_mut() = match done {
                Done::CreatedHere | Done::Created => StatusCode::CREATED,
                Done::Changed => StatusCode::NO_CONTENT,
            };
            if done != Done::Changed {
                response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
            }
            if done == Done::CreatedHere
                && let Ok(location) = HeaderValue::from_bytes(&ask::encode(uri))
            {
                response.headers_mut().insert(LOCATION, location);
            }
        }
        Err(failure) => {
            *response.status_mut() = failure.status();
            response.extensions_mut().insert(failure);
        }
    }
    response
}

fn conflict(what: &'static str) -> Failure {
    Failure::said(StatusCode::CONFLICT, what)
}

/// Whether a path is another one, or one of them is inside of the other.
pub(crate) fn overlap(one: &Path, other: &Path) -> (bool, bool) {
    let (mut one, mut other) = (steps(one), steps(other));
    loop {
        match (one.next(), other.next()) {
            (None, None) => return (true, true),
            (None, Some(_)) | (Some(_), None) => return (false, true),
            (Some(one), Some(other)) if one == other => {}
            _ => return (false, false),
        }
    }
}

impl std::fmt::Debug for Target<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target").field("path", &self.path).field("uri", &self.uri).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_overlap() {
        for (one, other, expected) in [
            ("/a/b", "/a/b", (true, true)),
            ("/a//b/", "/a/b", (true, true)),
            ("/a", "/a/b", (false, true)),
            ("/a/b", "/a", (false, true)),
            ("/a/b", "/a/bc", (false, false)),
        ] {
            assert_eq!(overlap(Path::new(one), Path::new(other)), expected, "{one} {other}");
        }
    }
}
