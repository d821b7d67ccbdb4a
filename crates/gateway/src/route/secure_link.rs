//! `secure_link`: configuration to what `$secure_link` is made from.

use std::sync::Arc;

use propylon_config::{self as config, Settings};
use propylon_vars::SecureLink;

/// How links are judged, if they are.
pub(super) fn judge(settings: &Settings) -> Option<Arc<SecureLink>> {
    settings.secure_link.as_ref().map(|how| {
        Arc::new(match how {
            config::SecureLink::Hash { link, md5 } => SecureLink::new(link.clone(), md5.clone()),
            config::SecureLink::Path { secret } => SecureLink::in_path(secret.as_bytes().to_vec()),
        })
    })
}
