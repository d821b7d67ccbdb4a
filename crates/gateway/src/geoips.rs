//! The databases that know addresses: read once for all workers, kept over reloads, and read anew when they change.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use propylon_config::{Config, GeoipData, GeoipVariable};
use propylon_geoip::{Content, DataPath, Database, Error};
use tokio_util::task::AbortOnDropHandle;

/// All databases.
#[derive(Default)]
pub(crate) struct Geoips(Mutex<Vec<Known>>);

struct Known {
    path: PathBuf,
    database: Database,
    /// What a configuration that is not in force yet has found in the file.
    found: Option<Content>,
    /// Whether a configuration in force has it.
    in_force: bool,
    /// What looks at the file, and how often.
    looking: Option<(Duration, AbortOnDropHandle<()>)>,
}

impl Geoips {
    /// Reads the databases of a configuration whose files have changed, and has its variables ask them. Returns what the configuration is not to
    /// blame for: files that are no good. What is in use stays until the configuration is.
    pub(crate) fn open(&self, config: &Config) -> Vec<String> {
        let (mut all, mut faults) = (self.0.lock(), Vec::new());
        all.retain(|known| known.in_force); // others are of a configuration that was refused
        for wanted in config.geoip_databases.values() {
            let known = match all.iter_mut().find(|known| known.path == wanted.path) {
                Some(known) => known,
                None => all.push_mut(Known::new(wanted.path.clone())),
            };
            if let Err(error) = known.look() {
                let beside = if known.database.build_epoch().is_some() {
                    "the previous database stays in use"
                } else {
                    "the database is empty"
                };
                let why = crate::error::chain(&error);
                faults.push(format!("geoip database \"{}\": {why}; {beside}", wanted.name));
            }
        }
        for variable in &config.geoip {
            if let Some(known) = all.iter().find(|known| known.path == variable.database.path) {
                fill(variable, known.database.clone());
            }
        }
        for fault in &faults {
            tracing::error!(target: "propylon_gateway", "{fault}");
        }
        faults
    }

    /// This configuration is in force: what it has found in the files is used, and they are looked at; others are forgotten.
    pub(crate) fn put_to_use(&self, config: &Config) {
        self.0.lock().retain_mut(|known| {
            let mut all = config.geoip_databases.values();
            let Some(wanted) = all.find(|wanted| wanted.path == known.path) else { return false };
            known.in_force = true;
            if let Some(content) = known.found.take() {
                known.database.replace(content);
            }
            if known.looking.as_ref().map(|(every, _)| *every) != wanted.auto_reload {
                known.looking = wanted.auto_reload.map(|every| {
                    let looking = tokio::spawn(look_now_and_then(known.database.clone(), every));
                    (every, AbortOnDropHandle::new(looking))
                });
            }
            true
        });
    }
}

impl Known {
    fn new(path: PathBuf) -> Self {
        Self { database: Database::new(&path), path, found: None, in_force: false, looking: None }
    }

    fn look(&mut self) -> Result<(), Error> {
        self.found = None;
        self.found = self.database.changed()?;
        // One that nobody has yet may as well be used at once.
        if let Some(content) = self.found.take_if(|_| !self.in_force) {
            self.database.replace(content);
        }
        Ok(())
    }
}

/// Has a variable ask a database.
fn fill(variable: &GeoipVariable, database: Database) {
    let number = |value: Option<u64>| value.map(|value| Bytes::from(value.to_string()));
    match &variable.data {
        GeoipData::Path(names) => {
            let path = DataPath::new(names.iter().cloned());
            variable.values.fill(move |key| database.find(address(key)?, &path));
        }
        GeoipData::BuildEpoch => variable.values.fill(move |_| number(database.build_epoch())),
        GeoipData::LastCheck => variable.values.fill(move |_| number(database.last_check())),
        GeoipData::LastChange => variable.values.fill(move |_| number(database.last_change())),
    }
}

fn address(key: &[u8]) -> Option<IpAddr> {
    std::str::from_utf8(key).ok()?.parse().ok()
}

/// Off the ways of requests. What is wrong with a file is told once.
async fn look_now_and_then(database: Database, every: Duration) {
    let mut told = String::new();
    loop {
        tokio::time::sleep(every).await;
        let looked = database.clone();
        // Files may be slow, and this thread has more to do. A panic in there is on record already.
        let Ok(refreshed) = tokio::task::spawn_blocking(move || looked.refresh()).await else { continue };
        let wrong = refreshed.as_ref().err().map(|error| crate::error::chain(error)).unwrap_or_default();
        if refreshed.is_ok_and(|changed| changed) {
            tracing::info!(target: "propylon_gateway", "geoip database reloaded: {}", database.path().display());
        } else if !wrong.is_empty() && wrong != told {
            tracing::error!(target: "propylon_gateway", "cannot reload the geoip database: {wrong}");
        }
        told = wrong;
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    const TABLES: &str = "[geoip.ip]\ndatabase = \"one\"\ndata = [\"ip\"]\n[[server]]\nreturn = [204]\n";

    fn config(path: &Path, more: &str) -> Config {
        let text = format!("[geoip_database.one]\npath = {path:?}\n{more}\n{TABLES}");
        propylon_config::parse(&text, "test.toml").unwrap().config
    }

    /// Another file in the place of the one that was there.
    fn put(name: &str, path: &Path) {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../geoip/tests/data").join(name);
        let new = path.with_extension("new");
        fs::copy(from, &new).unwrap();
        fs::rename(new, path).unwrap();
    }

    fn database(geoips: &Geoips) -> Database {
        geoips.0.lock()[0].database.clone()
    }

    fn found(database: &Database, names: &[&str], address: &str) -> Option<Bytes> {
        database.find(address.parse().unwrap(), &DataPath::new(names.iter().copied()))
    }

    #[tokio::test]
    async fn what_a_configuration_finds_is_used_once_it_is_in_force() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("one.mmdb");
        put("MaxMind-DB-test-ipv4-24.mmdb", &path);
        let (geoips, first) = (Geoips::default(), config(&path, ""));
        assert_eq!(geoips.open(&first), Vec::<String>::new());
        geoips.put_to_use(&first);
        let (one, asn) = (database(&geoips), ["autonomous_system_number"]);
        assert_eq!(found(&one, &["ip"], "1.1.1.3").as_deref(), Some(&b"1.1.1.2"[..]));

        // One that is refused changes nothing, and does not hide the file from the next.
        put("GeoLite2-ASN-Test.mmdb", &path);
        let second = config(&path, "auto_reload = \"1h\"");
        geoips.open(&second);
        assert_eq!(found(&one, &asn, "1.128.0.1"), None);
        fs::write(&path, "nothing").unwrap();
        assert_eq!(geoips.open(&second).len(), 1);
        geoips.put_to_use(&second);
        assert_eq!(found(&one, &asn, "1.128.0.1"), None, "what the one that was refused has found is gone");
        put("GeoLite2-ASN-Test.mmdb", &path);
        geoips.open(&second);
        geoips.put_to_use(&second);
        assert_eq!(found(&one, &asn, "1.128.0.1").as_deref(), Some(&b"1221"[..]), "the same database");
        assert!(geoips.0.lock()[0].looking.is_some());

        // One that is broken is told, at each reload, and what there is stays.
        fs::write(&path, "nothing").unwrap();
        for _ in 0..2 {
            let faults = geoips.open(&second);
            assert!(
                faults.len() == 1 && faults[0].contains("the previous database stays in use"),
                "{faults:?}"
            );
            geoips.put_to_use(&second);
            assert!(found(&one, &asn, "1.128.0.1").is_some());
        }
        let other = config(&directory.path().join("missing.mmdb"), "");
        let faults = geoips.open(&other);
        assert!(faults.len() == 1 && faults[0].ends_with("the database is empty"), "{faults:?}");
        geoips.put_to_use(&other);
        assert_eq!(geoips.0.lock().len(), 1, "the first was forgotten");
    }
}
