//! `upstream.force_ranges`: configuration to the layer that cuts ranges out of responses whose upstream knows none.

use propylon_config::Settings;
use propylon_force_ranges::ForceRangesLayer;

/// The layer, if there is to be one: slices have ranges, and `files.max_ranges = 0` is for whatever has them.
pub(super) fn layer(settings: &Settings) -> Option<ForceRangesLayer> {
    let on =
        settings.upstream.force_ranges && settings.slice.is_none() && settings.files.max_ranges != Some(0);
    on.then(ForceRangesLayer::new)
}
