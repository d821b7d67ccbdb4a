//! The action `api` of a location, and `status_zone` of servers, locations and streams: what nginx Plus' REST API shows, and to whom it is shown.

use crate::admin;
use crate::config::{Config, locations};
use crate::effective::{Effective, Level};
use crate::key::{Key, Kind, Need, Table};
use crate::location::Action;
use crate::location_match::LocationMatch;
use crate::reader::{Context, Levels, Scope, Value};
use crate::report::Diagnostic;
use crate::server::Server;
use crate::settings::Settings;
use crate::source::{Span, Spanned};

/// nginx Plus' REST API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Api {
    /// Whether it changes things, too.
    pub write: bool,
    /// Where it is written.
    pub span: Span,
}

impl Config {
    /// Whether anybody may ask what requests there were: there is an `[admin]`, or a location with the action `api`.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.admin.is_some() || self.locations().any(|location| matches!(location.action, Action::Api(_)))
    }
}

const TABLE: Table = Table {
    name: "location.api",
    doc: "The REST API of nginx Plus, versions 1 to 9, under the path that the location matches, for exporters, dashboards and scripts that \
          use it. As with `[admin]`, requests are counted if any location has this action. Use `access` or another check to restrict who may \
          use it.",
    keys: &[Key {
        name: "write",
        kind: Kind::Bool,
        need: Need::Default("false"),
        nginx: "api write=",
        doc: "Allows changing servers of upstreams and keys of key-value zones, and resetting statistics. If false, methods other than GET \
              and HEAD get 405.",
    }],
    unbuilt: &[],
};

pub(crate) const ACTION: Key = Key {
    name: "api",
    kind: Kind::Table(&TABLE),
    need: Need::Optional,
    nginx: "api",
    doc: "Serves the REST API of nginx Plus: {} is read-only, { write = true } also allows changes. The location must match a prefix or an \
          exact path.",
};

const ZONE: Kind = Kind::Text { hint: "a name" };

pub(crate) const SERVER_ZONE: Key = Key {
    name: "status_zone",
    kind: ZONE,
    need: Need::Optional,
    nginx: "status_zone",
    doc: "The name under which the server's requests are counted in the `server_zones` of `api`. Several servers may share a name.",
};

pub(crate) const LOCATION_ZONE: Key = Key {
    name: "status_zone",
    kind: ZONE,
    need: Need::Optional,
    nginx: "status_zone",
    doc: "The name under which requests answered by this location are counted in the `location_zones` of `api`. Nested locations inherit it; \
          \"off\": they are not counted.",
};

pub(crate) const STREAM_ZONE: Key = Key {
    name: "status_zone",
    kind: ZONE,
    need: Need::Optional,
    nginx: "status_zone",
    doc: "The name under which connections are counted in `/stream/server_zones` of `api`. Several streams may share a name.",
};

pub(crate) fn read(cx: &mut Context, value: &Value<'_>) -> Option<Api> {
    let span = cx.span(value.span());
    let mut scope = Scope::alone(cx, &TABLE, Some(value.get_ref().as_table()?));
    Some(Api { write: scope.bool("write"), span })
}

/// What is behind a prefix is what is asked for.
pub(crate) fn check_place(cx: &mut Context, api: Option<&Api>, matcher: &Spanned<LocationMatch>) {
    if let Some(api) = api.filter(|_| !matcher.value.takes_uri_part()) {
        cx.push(
            Diagnostic::error(api.span, "`api` cannot be used in this location")
                .label("expected a location with a prefix or an exact path")
                .related(matcher.span, "neither a prefix nor an exact path"),
        );
    }
}

/// Warns of changes that anybody may make.
pub(crate) fn check_open(cx: &mut Context, server: &Server) {
    if !server.listens.iter().any(|listen| admin::is_open(&listen.address)) {
        return;
    }
    for location in locations(&server.locations) {
        let Settings { access, auth_jwt, auth_oidc, auth_request, .. } = &*location.settings;
        let asks = access.basic.is_some() || auth_jwt.realm.is_some() || auth_oidc.is_some();
        let guarded = asks || auth_request.uri.is_some() || !access.rules.is_empty() || location.internal;
        let Action::Api(Api { write: true, span }) = location.action else { continue };
        if !guarded {
            cx.push(
                Diagnostic::warning(
                    span,
                    "any client that can reach this location can change upstreams and keys",
                )
                .label("`write` is enabled without access control")
                .help("add `access.rules = [\"allow 127.0.0.1\", \"deny all\"]`, or require authentication"),
            );
        }
    }
}

/// The zone of a location: its own, or that of a location around it.
pub(crate) fn zone(
    cx: &mut Context,
    table: &'static Table,
    levels: &Levels<'_>,
    effective: &mut Effective,
) -> Option<Box<str>> {
    let locations = levels.iter().filter(|(level, _)| *level == Level::Location).copied().collect();
    name(&mut Scope::inherited(cx, table, locations, effective)).filter(|name| **name != *"off")
}

/// The zone of a server, or of a stream.
pub(crate) fn name(scope: &mut Scope<'_>) -> Option<Box<str>> {
    scope.read("status_zone", |cx, value| {
        let name = value.get_ref().as_str()?;
        if name.is_empty() {
            cx.push(Diagnostic::at(value.span(), "`status_zone` is empty").label("expected a name"));
        }
        Some(name.into())
    })
}
