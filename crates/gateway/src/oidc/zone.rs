//! Sessions in a zone of `keyval`.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use propylon_auth_oidc::{Session, Store};
use propylon_keyval::{Change, StateFile, Zone};

/// Keeps sessions as texts: one for each, and one for each name that the provider has for some, with their keys.
pub(super) struct InZone {
    zone: Zone,
    file: Option<Arc<StateFile>>,
    /// What stands before the names, so that those of several providers are apart.
    names: String,
    /// Held by whoever changes something: names and sessions go together.
    turn: Mutex<()>,
}

impl InZone {
    pub(super) fn new(zone: Zone, file: Option<Arc<StateFile>>, issuer: &str, client_id: &str) -> Self {
        Self { zone, file, names: format!("{issuer} {client_id} "), turn: Mutex::new(()) }
    }

    fn keys(&self, name: &str) -> Vec<String> {
        let found = self.zone.get(name).map(|pair| String::from_utf8_lossy(&pair.value).into_owned());
        found.unwrap_or_default().split_ascii_whitespace().map(str::to_owned).collect()
    }

    fn drop_key(&self, key: &str) {
        // One that is not there is gone already.
        let _ = self.zone.change(vec![(key.to_owned(), Change::Remove)]);
    }

    /// What was changed is written to the zone's file, beside the requests.
    fn save(&self) {
        if let Some(file) = self.file.clone() {
            let zone = self.zone.clone();
            drop(tokio::task::spawn_blocking(move || {
                if let Err(error) = file.save(&zone) {
                    tracing::error!(target: "propylon_gateway", "sessions: {}", crate::error::chain(&error));
                }
            }));
        }
    }
}

impl Store for InZone {
    fn get(&self, key: &str) -> Option<Arc<Session>> {
        Session::from_text(&self.zone.get(key)?.value).map(Arc::new)
    }

    fn put(&self, key: String, session: Arc<Session>, lasts: Duration) -> Result<(), Box<str>> {
        let _turn = self.turn.lock();
        let full = |error: propylon_keyval::Error| Box::from(error.to_string());
        self.zone.keep(key.clone(), session.to_text(), lasts).map_err(full)?;
        if let Some(sid) = session.sid() {
            let name = format!("{}{sid}", self.names);
            let mut keys = self.keys(&name);
            keys.retain(|known| self.zone.get(known).is_some());
            keys.push(key.clone());
            if let Err(error) = self.zone.keep(name, keys.join(" "), lasts) {
                // Nobody could end it.
                self.drop_key(&key);
                return Err(full(error));
            }
        }
        self.save();
        Ok(())
    }

    fn remove(&self, key: &str) {
        let _turn = self.turn.lock();
        self.drop_key(key);
        self.save();
    }

    fn remove_named(&self, sid: &str) {
        let _turn = self.turn.lock();
        let name = format!("{}{sid}", self.names);
        self.keys(&name).iter().for_each(|key| self.drop_key(key));
        self.drop_key(&name);
        self.save();
    }
}

#[cfg(test)]
mod tests {
    use propylon_keyval::{Kind, Limits};

    use super::*;

    fn session(sid: Option<&str>) -> Arc<Session> {
        let sid = sid.map_or("null".to_owned(), |sid| format!("\"{sid}\""));
        let text = format!(
            r#"{{"of":"us","id_token":"e30.e30.","access_token":"a","sid":{sid},"ends":4000000000}}"#
        );
        Arc::new(Session::from_text(text.as_bytes()).unwrap())
    }

    const HOUR: Duration = Duration::from_secs(3600);

    #[tokio::test(start_paused = true)]
    async fn sessions_are_entries_that_end() {
        let zone = Zone::new(Kind::String, Limits::default());
        let (ours, theirs) =
            (InZone::new(zone.clone(), None, "i", "us"), InZone::new(zone.clone(), None, "i", "them"));
        let there = |keys: &[&str]| keys.iter().map(|key| ours.get(key).is_some()).collect::<Vec<_>>();
        for (key, sid) in [("a", Some("s")), ("b", Some("s")), ("c", Some("t")), ("d", None)] {
            ours.put(key.into(), session(sid), HOUR).unwrap();
        }
        theirs.put("e".into(), session(Some("s")), 2 * HOUR).unwrap();
        assert_eq!(there(&["a", "b", "c", "d", "e", "f"]), [true, true, true, true, true, false]);
        ours.remove("a");
        ours.remove_named("s");
        ours.remove_named("none");
        assert_eq!(there(&["a", "b", "c", "d", "e"]), [false, false, true, true, true]);
        tokio::time::advance(HOUR).await;
        assert_eq!(there(&["c", "d", "e"]), [false, false, true]);
        ours.remove_named("t");
        theirs.remove_named("s");
        assert_eq!(there(&["e"]), [false]);
    }

    #[tokio::test(start_paused = true)]
    async fn where_there_is_no_room_nobody_logs_in() {
        let zone = Zone::new(Kind::String, Limits::default().size(300));
        let store = InZone::new(zone.clone(), None, "i", "us");
        assert!(store.put("a".into(), session(Some("s")), HOUR).is_err(), "there is no room for its name");
        assert_eq!(zone.stats().entries, 0);
        store.put("a".into(), session(None), HOUR).unwrap();
        assert!(store.put("b".into(), session(None), HOUR).is_err());
    }
}
