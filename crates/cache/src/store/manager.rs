//! What a zone does when nobody asks it.

use std::time::Duration;

use super::shared::Shared;

/// How often it is looked whether there is something to do.
const TICK: Duration = Duration::from_secs(1);

/// Throws out what nobody asked for during `inactive`, in small portions.
pub(super) async fn run(shared: &Shared) {
    loop {
        let limits = shared.limits();
        let inactive = u64::try_from(limits.inactive.as_millis()).unwrap_or(u64::MAX);
        let portion = limits.manager.files.get();
        let time = shared.now().checked_sub(inactive);
        let expired = time.map_or(0, |time| shared.expire(time, portion));
        tokio::time::sleep(if expired == portion { limits.manager.sleep } else { TICK }).await;
    }
}
