//! What locations are built from.

use std::sync::Arc;

use propylon_config::{self as config, ServerName, Settings};
use propylon_files::Types;
use propylon_vars::Definitions;

use super::types;
use crate::page::Face;
use crate::redirects::Redirects;
use crate::tally::{ServerLane, StatusLane};

/// What the locations of a server have in common.
pub(crate) struct Site {
    pub(crate) face: Face,
    /// The types of files, and the settings that they are made of.
    pub(crate) types: Types,
    /// How to recode between charsets.
    pub(crate) charset_maps: Arc<[propylon_charset::Map]>,
    /// The variables that there are.
    pub(crate) definitions: Definitions,
    pub(crate) settings: Arc<Settings>,
    pub(crate) redirects: Redirects,
    /// The server's first name.
    pub(crate) name: Arc<str>,
    /// Its names that are one host's each.
    pub(crate) names: Arc<[Box<str>]>,
    /// Whether an error has a page anywhere.
    pub(crate) has_pages: bool,
    /// Whether any of its locations has to do with traces.
    pub(crate) traces: bool,
    /// Whether any of them has an error log of its own.
    pub(crate) has_error_logs: bool,
    /// Whether anybody asks how well responses are compressed.
    pub(crate) counts_compressed: bool,
    /// Ids for clients that have none.
    pub(crate) issuer: propylon_userid::Issuer,
    /// What its exchanges are counted in, where somebody may ask.
    pub(crate) lane: Option<Arc<ServerLane>>,
    /// The same for its `status_zone`, if it has one.
    pub(crate) status: Option<Arc<StatusLane>>,
}

/// The names of a server that are one host's each.
pub(crate) fn own_names(server: &config::Server) -> Arc<[Box<str>]> {
    let own = server.names.iter().filter_map(|name| match &name.value {
        ServerName::Exact(name) if **name != *"_" => Some(name.clone()),
        _ => None,
    });
    own.collect()
}

impl Site {
    /// The same for a location with settings of its own.
    pub(crate) fn with(&self, settings: &Arc<Settings>) -> Self {
        let (ours, theirs) = (&self.settings.files, &settings.files);
        let same = ours.types == theirs.types && ours.default_type == theirs.default_type;
        Self {
            face: Face::new(settings),
            charset_maps: self.charset_maps.clone(),
            definitions: self.definitions.clone(),
            types: if same { self.types.clone() } else { types(theirs) },
            settings: settings.clone(),
            redirects: Redirects::new(settings, &self.name),
            name: self.name.clone(),
            names: self.names.clone(),
            has_pages: self.has_pages,
            counts_compressed: self.counts_compressed,
            traces: self.traces,
            has_error_logs: self.has_error_logs,
            issuer: self.issuer.clone(),
            lane: self.lane.clone(),
            status: self.status.clone(),
        }
    }
}
