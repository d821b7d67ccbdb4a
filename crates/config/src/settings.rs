//! The tables that `[defaults]`, `[[server]]` and `[[server.location]]` have in common.

use std::num::NonZeroU64;
use std::sync::Arc;

use propylon_vars::Browsers;

use crate::access::{self, Access};
use crate::access_log::{self, AccessLog};
use crate::addition::{self, Addition};
use crate::auth_jwt::{self, AuthJwt};
use crate::auth_request::{self, AuthRequest};
use crate::browser;
use crate::buffer::{self, Buffers};
use crate::cache::{self, Cache};
use crate::charset::{self, Charset};
use crate::compression::{self, Compression};
use crate::cookie::{self, Cookies};
use crate::dav::{self, Dav};
use crate::effective::Effective;
use crate::error_log::{self, ErrorLog};
use crate::error_page::{self, ErrorPages};
use crate::expires::{self, Expires};
use crate::fastcgi::{self, FastCgi};
use crate::files::{self, Files};
use crate::headers::{self, Headers};
use crate::inner_uri::InnerUri;
use crate::key::{Key, Kind, Need};
use crate::limit::{self, Limit};
use crate::memcached::{self, Memcached};
use crate::mirror::{self, Mirror};
use crate::oidc_provider::{self, OidcProvider};
use crate::reader::{Context, Levels, Scope, below};
use crate::redirect::{self, Redirects};
use crate::referers::{self, Referers};
use crate::report::Diagnostic;
use crate::resolver::{self, Resolver};
use crate::retry::{self, Retry};
use crate::scgi::{self, Scgi};
use crate::secure_link::{self, SecureLink};
use crate::slice;
use crate::source::Spanned;
use crate::ssi::{self, Ssi};
use crate::store::{self, Store};
use crate::substitute::{self, Substitute};
use crate::timeout::{self, Timeout};
use crate::trace::{self, Trace};
use crate::upstream::{self, Transport};
use crate::userid::{self, UserId};
use crate::uwsgi::{self, Uwsgi};

/// What applies at a place, inheritance done.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Whether the field `Server` and the gateway's own pages tell the version.
    pub server_tokens: bool,
    /// Whether redirects of the gateway's own carry scheme and host.
    pub absolute_redirect: bool,
    /// Whether they carry the listener's port.
    pub port_in_redirect: bool,
    /// Whether they carry the server's first name rather than the request's host.
    pub server_name_in_redirect: bool,
    /// How long responses may be kept, if anything is to be said of it.
    pub expires: Option<Expires>,
    /// How large the slices are that upstreams are asked for; none: for all at once.
    pub slice: Option<NonZeroU64>,
    /// The table `files` and the keys beside it.
    pub files: Files,
    /// The table `access`.
    pub access: Access,
    /// The table `auth_jwt`.
    pub auth_jwt: AuthJwt,
    /// Where users have to log in; none: they do not.
    pub auth_oidc: Option<Arc<OidcProvider>>,
    /// The table `auth_request`.
    pub auth_request: AuthRequest,
    /// The table `mirror`.
    pub mirror: Mirror,
    /// The table `addition`.
    pub addition: Addition,
    /// The table `trace`.
    pub trace: Trace,
    /// Which pages requests may come from; none: any.
    pub referers: Option<Referers>,
    /// Who is asked for the names that a `proxy_pass` with variables gives; none: as the file says.
    pub resolver: Option<Resolver>,
    /// The table `error_page`.
    pub error_page: ErrorPages,
    /// The table `headers`.
    pub headers: Headers,
    /// The table `timeout`.
    pub timeout: Timeout,
    /// The table `limit`.
    pub limit: Limit,
    /// The table `buffer`.
    pub buffer: Buffers,
    /// The table `cache`.
    pub cache: Cache,
    /// The table `secure_link`; none: links are not judged.
    pub secure_link: Option<SecureLink>,
    /// The table `store`.
    pub store: Store,
    /// The table `dav`.
    pub dav: Dav,
    /// The table `substitute`.
    pub substitute: Substitute,
    /// The table `ssi`.
    pub ssi: Ssi,
    /// The table `charset`.
    pub charset: Charset,
    /// The table `compression`.
    pub compression: Compression,
    /// The table `cookie`.
    pub cookie: Cookies,
    /// The table `browser`; none: all are ancient.
    pub browsers: Option<Arc<Browsers>>,
    /// The table `userid`.
    pub userid: UserId,
    /// The table `redirect`.
    pub redirect: Redirects,
    /// The table `retry`.
    pub retry: Retry,
    /// The table `fastcgi`.
    pub fastcgi: FastCgi,
    /// The table `uwsgi`.
    pub uwsgi: Uwsgi,
    /// The table `scgi`.
    pub scgi: Scgi,
    /// The table `memcached`.
    pub memcached: Memcached,
    /// The table `upstream`.
    pub upstream: Transport,
    /// Whether what is asked for beside requests has a line in the access log as well.
    pub log_subrequest: bool,
    /// Layers of the binary's own around what is answered, the outermost first.
    pub layers: Vec<Spanned<Box<str>>>,
    /// The tables `access_log`; none: nothing is logged.
    pub access_logs: Vec<AccessLog>,
    /// The tables `error_log`; none: what is to be reported goes where all of the process does.
    pub error_logs: Vec<ErrorLog>,
    /// The same as text, with where each value comes from.
    pub effective: Effective,
}

impl Settings {
    /// The tables of all `levels`, joined key by key.
    pub(crate) fn read(cx: &mut Context, levels: &Levels<'_>, mut effective: Effective) -> Self {
        let own = effective.own();
        let found = &mut effective;
        let mut level = Scope::inherited(cx, own, levels.clone(), found);
        let server_tokens = level.bool("server_tokens");
        let absolute_redirect = level.bool("absolute_redirect");
        let port_in_redirect = level.bool("port_in_redirect");
        let server_name_in_redirect = level.bool("server_name_in_redirect");
        let log_subrequest = level.bool("log_subrequest");
        let layers = layers(&mut level);
        let referers = referers::read(&mut level);
        let resolver = level.read("resolver", resolver::read);
        let expires = expires::read(&mut level);
        let slice = slice::read(&mut level);
        let auth_oidc = oidc_provider::of_level(&mut level);
        let (root, index) = (files::root(&mut level), files::index(&mut level));
        let files = Scope::inherited(cx, &files::TABLE, below(levels, "files"), found);
        let files = Files::read(root, index, &mut { files });
        let access = Scope::inherited(cx, &access::TABLE, below(levels, "access"), found);
        let access = Access::read(&mut { access });
        let auth_jwt = Scope::inherited(cx, &auth_jwt::TABLE, below(levels, "auth_jwt"), found);
        let auth_jwt = AuthJwt::read(&mut { auth_jwt });
        let auth_request = Scope::inherited(cx, &auth_request::TABLE, below(levels, "auth_request"), found);
        let auth_request = AuthRequest::read(&mut { auth_request });
        let mirror = Scope::inherited(cx, &mirror::TABLE, below(levels, "mirror"), found);
        let mirror = Mirror::read(&mut { mirror });
        let addition = Scope::inherited(cx, &addition::TABLE, below(levels, "addition"), found);
        let addition = Addition::read(&mut { addition });
        let trace = Scope::inherited(cx, &trace::TABLE, below(levels, "trace"), found);
        let trace = Trace::read(&mut { trace });
        let error_page = Scope::inherited(cx, &error_page::TABLE, below(levels, "error_page"), found);
        let error_page = ErrorPages::read(&mut { error_page });
        let headers = Scope::inherited(cx, &headers::TABLE, below(levels, "headers"), found);
        let headers = Headers::read(&mut { headers });
        let timeout = Scope::inherited(cx, &timeout::TABLE, below(levels, "timeout"), found);
        let timeout = Timeout::read(&mut { timeout });
        let limit = Scope::inherited(cx, &limit::TABLE, below(levels, "limit"), found);
        let limit = Limit::read(&mut { limit });
        let buffer = Scope::inherited(cx, &buffer::TABLE, below(levels, "buffer"), found);
        let buffer = Buffers::read(&mut { buffer });
        let cache = Scope::inherited(cx, &cache::TABLE, below(levels, "cache"), found);
        let mut cache = Cache::read(&mut { cache });
        let store = Scope::inherited(cx, &store::TABLE, below(levels, "store"), found);
        let mut store = Store::read(&mut { store });
        let dav = Scope::inherited(cx, &dav::TABLE, below(levels, "dav"), found);
        let dav = Dav::read(&mut { dav });
        store.settle(&mut cache, cx, levels, found);
        let of_links = below(levels, "secure_link");
        let mut secure_link = Scope::inherited(cx, &secure_link::TABLE, of_links.clone(), found);
        let secure_link = secure_link::read(&mut secure_link, &of_links);
        let substitute = Scope::inherited(cx, &substitute::TABLE, below(levels, "substitute"), found);
        let substitute = Substitute::read(&mut { substitute });
        let ssi = Scope::inherited(cx, &ssi::TABLE, below(levels, "ssi"), found);
        let ssi = Ssi::read(&mut { ssi });
        let charset = Scope::inherited(cx, &charset::TABLE, below(levels, "charset"), found);
        let charset = Charset::read(&mut { charset });
        let compression = Scope::inherited(cx, &compression::TABLE, below(levels, "compression"), found);
        let compression = Compression::read(&mut { compression });
        let cookie = Scope::inherited(cx, &cookie::TABLE, below(levels, "cookie"), found);
        let cookie = Cookies::read(&mut { cookie });
        let browsers = Scope::inherited(cx, &browser::TABLE, below(levels, "browser"), found);
        let browsers = browser::read(&mut { browsers });
        let userid = Scope::inherited(cx, &userid::TABLE, below(levels, "userid"), found);
        let userid = UserId::read(&mut { userid });
        let redirect = Scope::inherited(cx, &redirect::TABLE, below(levels, "redirect"), found);
        let redirect = Redirects::read(&mut { redirect });
        let retry = Scope::inherited(cx, &retry::TABLE, below(levels, "retry"), found);
        let retry = Retry::read(&mut { retry });
        let fastcgi = Scope::inherited(cx, &fastcgi::TABLE, below(levels, "fastcgi"), found);
        let fastcgi = FastCgi::read(&mut { fastcgi });
        let uwsgi = Scope::inherited(cx, &uwsgi::TABLE, below(levels, "uwsgi"), found);
        let uwsgi = Uwsgi::read(&mut { uwsgi });
        let scgi = Scope::inherited(cx, &scgi::TABLE, below(levels, "scgi"), found);
        let scgi = Scgi::read(&mut { scgi });
        let memcached = Scope::inherited(cx, &memcached::TABLE, below(levels, "memcached"), found);
        let memcached = Memcached::read(&mut { memcached });
        let upstream = Scope::inherited(cx, &upstream::TABLE, below(levels, "upstream"), found);
        let upstream = Transport::read(&mut { upstream });
        let access_logs = access_log::read(cx, levels, found);
        let error_logs = error_log::of_level(cx, levels, found);
        Self {
            server_tokens,
            absolute_redirect,
            port_in_redirect,
            server_name_in_redirect,
            expires,
            slice,
            files,
            access,
            auth_jwt,
            auth_oidc,
            auth_request,
            mirror,
            addition,
            trace,
            referers,
            resolver,
            error_page,
            headers,
            timeout,
            limit,
            buffer,
            cache,
            store,
            dav,
            secure_link,
            substitute,
            userid,
            browsers,
            ssi,
            charset,
            compression,
            cookie,
            redirect,
            retry,
            fastcgi,
            uwsgi,
            scgi,
            memcached,
            upstream,
            log_subrequest,
            layers,
            access_logs,
            error_logs,
            effective,
        }
    }

    /// What is asked for beside requests, and by whom.
    pub(crate) fn inner_uris(&self) -> impl Iterator<Item = (&Spanned<InnerUri>, &'static str)> {
        let asked = self.auth_request.uri.iter();
        let asked =
            asked.map(|uri| (uri, "every request that needs authorisation would be answered with 500"));
        let keys = self.auth_jwt.realm.iter().flat_map(|_| &self.auth_jwt.key_request);
        let asked =
            asked.chain(keys.map(|uri| (uri, "every request with a token would be answered with 500")));
        asked.chain(
            self.mirror.to.iter().map(|uri| (uri, "every mirrored request would be answered with 404")),
        )
    }

    /// What is put into responses, also of `return`.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (&Spanned<InnerUri>, &'static str)> {
        self.addition.uris().map(|uri| (uri, "a 404 page would be added to every response"))
    }
}

/// Each of them once: whether there are such layers is the binary's to say.
fn layers(level: &mut Scope<'_>) -> Vec<Spanned<Box<str>>> {
    let mut all: Vec<Spanned<Box<str>>> = Vec::new();
    level.list(LAYERS.name, |cx, name, span| {
        let span = cx.span(span);
        match all.iter().find(|known| *known.value == *name) {
            Some(known) => cx.push(
                Diagnostic::error(span, format!("duplicate layer `{name}`"))
                    .label("expected each layer only once")
                    .related(known.span, "first used here"),
            ),
            None => all.push(Spanned::new(name.into(), span)),
        }
        Some(())
    });
    all
}

pub(crate) const SERVER_TOKENS: Key = Key {
    name: "server_tokens",
    kind: Kind::Bool,
    need: Need::Default("true"),
    nginx: "server_tokens",
    doc: "Whether the field Server and the gateway's own pages show the version.",
};
pub(crate) const ABSOLUTE_REDIRECT: Key = Key {
    name: "absolute_redirect",
    kind: Kind::Bool,
    need: Need::Default("true"),
    nginx: "absolute_redirect",
    doc: "Whether the gateway's own redirects are absolute URLs, with scheme and host.",
};
pub(crate) const PORT_IN_REDIRECT: Key = Key {
    name: "port_in_redirect",
    kind: Kind::Bool,
    need: Need::Default("true"),
    nginx: "port_in_redirect",
    doc: "Whether absolute redirects include the listener's port.",
};
pub(crate) const SERVER_NAME_IN_REDIRECT: Key = Key {
    name: "server_name_in_redirect",
    kind: Kind::Bool,
    need: Need::Default("false"),
    nginx: "server_name_in_redirect",
    doc: "Whether absolute redirects use the server's first name instead of the request's host.",
};
pub(crate) const ACCESS: Key =
    table("access", Kind::Table(&access::TABLE), "Access rules by address, and passwords.");
pub(crate) const AUTH_JWT: Key =
    table("auth_jwt", Kind::Table(&auth_jwt::TABLE), "Admits requests with a valid JSON Web Token.");
pub(crate) const AUTH_REQUEST: Key = table(
    "auth_request",
    Kind::Table(&auth_request::TABLE),
    "Asks another location whether a request is allowed.",
);
pub(crate) const MIRROR: Key = table(
    "mirror",
    Kind::Table(&mirror::TABLE),
    "Copies requests to other locations and ignores the answers.",
);
pub(crate) const ADDITION: Key = table(
    "addition",
    Kind::Table(&addition::TABLE),
    "Adds the answers of other locations before and after response bodies.",
);
pub(crate) const TRACE: Key =
    table("trace", Kind::Table(&trace::TABLE), "Which requests are traced, and what their spans contain.");
pub(crate) const RESOLVER: Key = Key {
    name: "resolver",
    kind: resolver::KIND,
    need: Need::Optional,
    nginx: "resolver",
    doc: "How the host names in a `proxy_pass` with variables are resolved. Default: the top-level `resolver`.",
};
pub(crate) const ERROR_PAGE: Key = table("error_page", Kind::Table(&error_page::TABLE), "Error pages.");
pub(crate) const HEADERS: Key =
    table("headers", Kind::Table(&headers::TABLE), "Header fields sent to the upstream and to the client.");
pub(crate) const TIMEOUT: Key = table("timeout", Kind::Table(&timeout::TABLE), "Timeouts.");
pub(crate) const LIMIT: Key =
    table("limit", Kind::Table(&limit::TABLE), "Limits on rates, sizes and concurrency.");
pub(crate) const BUFFER: Key =
    table("buffer", Kind::Table(&buffer::TABLE), "How request and response bodies are buffered.");
pub(crate) const CACHE: Key =
    table("cache", Kind::Table(&cache::TABLE), "Which responses are cached, and for how long.");
pub(crate) const SECURE_LINK: Key = table("secure_link", Kind::Table(&secure_link::TABLE), "Signed links.");
pub(crate) const DAV: Key = table("dav", Kind::Table(&dav::TABLE), "WebDAV: lets clients write files.");
pub(crate) const STORE: Key = table("store", Kind::Table(&store::TABLE), "Stores responses as files.");
pub(crate) const SUBSTITUTE: Key =
    table("substitute", Kind::Table(&substitute::TABLE), "Replaces text in responses.");
pub(crate) const BROWSER: Key =
    table("browser", Kind::Table(&browser::TABLE), "Which browsers count as modern.");
pub(crate) const USERID: Key =
    table("userid", Kind::Table(&userid::TABLE), "A cookie that recognises returning clients.");
pub(crate) const SSI: Key = table("ssi", Kind::Table(&ssi::TABLE), "Server side includes.");
pub(crate) const CHARSET: Key = table(
    "charset",
    Kind::Table(&charset::TABLE),
    "The charset of responses, and conversion between charsets.",
);
pub(crate) const COMPRESSION: Key =
    table("compression", Kind::Table(&compression::TABLE), "Which responses are compressed, and how.");
pub(crate) const COOKIE: Key =
    table("cookie", Kind::Table(&cookie::TABLE), "Rewrites the cookies that upstreams set.");
pub(crate) const REDIRECT: Key =
    table("redirect", Kind::Table(&redirect::TABLE), "Rewrites the redirects of upstreams.");
pub(crate) const RETRY: Key =
    table("retry", Kind::Table(&retry::TABLE), "When a request is retried with another server.");
pub(crate) const FASTCGI: Key =
    table("fastcgi", Kind::Table(&fastcgi::TABLE), "FastCGI params and settings.");
pub(crate) const UWSGI: Key = table("uwsgi", Kind::Table(&uwsgi::TABLE), "uwsgi params.");
pub(crate) const SCGI: Key = table("scgi", Kind::Table(&scgi::TABLE), "SCGI params.");
pub(crate) const MEMCACHED: Key = table("memcached", Kind::Table(&memcached::TABLE), "The memcached key.");
pub(crate) const UPSTREAM: Key =
    table("upstream", Kind::Table(&upstream::TABLE), "How connections to upstreams are made.");
pub(crate) const LOG_SUBREQUEST: Key = Key {
    name: "log_subrequest",
    kind: Kind::Bool,
    need: Need::Default("false"),
    nginx: "log_subrequest",
    doc: "Whether subrequests (`auth_request`, `auth_jwt`, `mirror`, `addition`, `ssi`) are also written to the access log.",
};
pub(crate) const LAYERS: Key = Key {
    name: "layers",
    kind: Kind::List(&Kind::Text { hint: "a layer name" }),
    need: Need::Default("[]"),
    nginx: "",
    doc: "Layers that a binary of your own registers (`propylon_gateway::Start::layer`), by name, the outermost first. They wrap whatever the location's action answers, after limits and \
          access and before the location's response fields, compression and error pages. The stock binary has none.",
};
pub(crate) const ACCESS_LOG: Key = table("access_log", access_log::KIND, "Writes a line for each request.");

pub(crate) const ERROR_LOG: Key = Key {
    nginx: "error_log",
    ..table("error_log", error_log::KIND, "An error log for requests, instead of the process's.")
};

const fn table(name: &'static str, kind: Kind, doc: &'static str) -> Key {
    Key { name, kind, need: Need::Optional, nginx: "", doc }
}
