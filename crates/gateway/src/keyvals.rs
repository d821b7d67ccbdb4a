//! The zones of keys and values: shared by the workers, kept over reloads for as long as they mean the same.

use std::sync::Arc;

use parking_lot::Mutex;
use propylon_config::{Config, KeyvalKind, KeyvalZone};
use propylon_keyval::{Kind, Limits, StateFile, Zone};
use tokio_util::task::AbortOnDropHandle;

/// All zones.
#[derive(Default)]
pub(crate) struct Keyvals(Mutex<Vec<Known>>);

/// A zone, and as which it was made.
struct Known {
    config: Arc<KeyvalZone>,
    zone: Zone,
    file: Option<Arc<StateFile>>,
    /// What it does beside the requests, for as long as it is used.
    work: Option<AbortOnDropHandle<()>>,
}

impl Keyvals {
    /// Opens the zones of a configuration that are not open yet, and has its variables ask them. Returns what the configuration is not to
    /// blame for: files that cannot be read, whose zones are empty.
    pub(crate) fn open(&self, config: &Config) -> Vec<String> {
        let (mut all, mut faults) = (self.0.lock(), Vec::new());
        // Of a configuration that was refused: their files may say something else by now.
        all.retain(|known| known.work.is_some());
        for wanted in config.keyval_zones.values() {
            let known = all.iter().find(|known| same(&known.config, wanted));
            let zone = known.map(|known| known.zone.clone()).unwrap_or_else(|| {
                let (made, fault) = make(wanted);
                faults.extend(fault);
                let zone = made.zone.clone();
                all.push(made);
                zone
            });
            wanted.values.fill(move |key| zone.find(key));
        }
        for fault in &faults {
            tracing::error!(target: "propylon_gateway", "{fault}");
        }
        faults
    }

    /// The zone that the configuration has, with its file.
    pub(crate) fn zone(&self, wanted: &KeyvalZone) -> Option<(Zone, Option<Arc<StateFile>>)> {
        let all = self.0.lock();
        let known = all.iter().find(|known| same(&known.config, wanted))?;
        Some((known.zone.clone(), known.file.clone()))
    }

    /// This configuration is in force: its zones have their limits and begin their work, others are forgotten.
    pub(crate) fn put_to_use(&self, config: &Config) {
        self.0.lock().retain_mut(|known| {
            let Some(now) =
                config.keyval_zones.get(&known.config.name).filter(|now| same(&known.config, now))
            else {
                return false;
            };
            known.zone.set_limits(limits(now));
            known.config = now.clone();
            if known.work.is_none() {
                let zone = known.zone.clone();
                known.work = Some(AbortOnDropHandle::new(tokio::spawn(async move { zone.manage().await })));
            }
            true
        });
    }
}

/// What is kept is of use as long as keys are looked up in the same way. A file is that of one zone.
fn same(one: &KeyvalZone, other: &KeyvalZone) -> bool {
    (&one.name, one.kind, &one.state) == (&other.name, other.kind, &other.state)
}

/// A zone, and what is wrong with its file.
fn make(wanted: &Arc<KeyvalZone>) -> (Known, Option<String>) {
    let kind = match wanted.kind {
        KeyvalKind::String => Kind::String,
        KeyvalKind::Ip => Kind::Ip,
        KeyvalKind::Prefix => Kind::Prefix,
    };
    let zone = Zone::new(kind, limits(wanted));
    let file = wanted.state.as_ref().map(|path| Arc::new(StateFile::new(path)));
    let loaded = file.as_ref().map(|file| file.load(&zone));
    let fault = loaded.and_then(Result::err).map(|error| {
        let why = crate::error::chain(&error);
        format!("keyval zone \"{}\" could not be loaded and is empty: {why}", wanted.name)
    });
    (Known { config: wanted.clone(), zone, file, work: None }, fault)
}

fn limits(zone: &KeyvalZone) -> Limits {
    Limits::default().size(usize::try_from(zone.size).unwrap_or(usize::MAX)).timeout(zone.timeout)
}

#[cfg(test)]
mod tests {
    use propylon_keyval::Kept;

    use super::*;

    fn config(zone: &str) -> Config {
        let text = format!("[keyval_zone.{zone}\n[[server]]\nreturn = [204]\n");
        propylon_config::parse(&text, "test.toml").unwrap().config
    }

    /// How many entries the zone of a configuration has once that is in force.
    fn used(keyvals: &Keyvals, config: &Config) -> usize {
        assert_eq!(keyvals.open(config), Vec::<String>::new());
        keyvals.put_to_use(config);
        let zone = config.keyval_zones.values().next().unwrap();
        keyvals.zone(zone).unwrap().0.stats().entries
    }

    #[tokio::test]
    async fn a_zone_stays_for_as_long_as_it_means_the_same() {
        let (keyvals, one) = (Keyvals::default(), config("one]"));
        assert_eq!(used(&keyvals, &one), 0);
        let (zone, _) = keyvals.zone(&one.keyval_zones["one"]).unwrap();
        zone.add(vec![("a".into(), Kept::new("1"))]).unwrap();
        let larger = config("one]\nsize = \"2m\"\ntimeout = \"1h\"");
        assert_eq!(used(&keyvals, &larger), 1);
        assert_eq!(zone.stats().size, 2 << 20);
        // One that is refused changes nothing.
        keyvals.open(&config("one]\ntype = \"prefix\""));
        assert_eq!(used(&keyvals, &one), 1);
        assert_eq!(used(&keyvals, &config("one]\ntype = \"prefix\"")), 0);
        assert_eq!(used(&keyvals, &one), 0, "it was forgotten");
    }
}
