//! The files that accounts and certificates are kept in, of their owner alone.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use instant_acme::Key;
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject;

use crate::error::Error;
use crate::schedule;
use crate::settings::{Settings, Wanted};

/// Whoever holds it may order.
#[derive(Debug)]
pub(crate) struct Lock(#[expect(dead_code, reason = "it is let go of when it is closed")] File);

/// An account with an authority.
#[derive(Debug)]
pub(crate) struct Account {
    /// Its URL.
    pub(crate) url: String,
    pub(crate) contacts: Vec<String>,
    pub(crate) key: PrivatePkcs8KeyDer<'static>,
}

/// When what failed may be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pause {
    pub(crate) failures: u32,
    pub(crate) until: SystemTime,
}

impl Pause {
    /// No pause is longer than this from now on: one that is was made when the clock was ahead.
    pub(crate) fn bound(self, now: SystemTime) -> Self {
        Self { until: self.until.min(now + schedule::PATIENCE), ..self }
    }
}

/// The directory of the state.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    root: PathBuf,
    /// Who is asked, by whom, how and for what: what failed otherwise says nothing.
    who: String,
}

const ACCOUNTS: &str = "accounts";
const CERTIFICATES: &str = "certificates";

impl Store {
    pub(crate) fn new(settings: &Settings) -> Self {
        let who =
            format!("{} {} {}", settings.directory, settings.challenge.as_str(), settings.fingerprint());
        Self { root: settings.state.clone(), who }
    }

    /// Makes what is not there.
    pub(crate) fn prepare(&self) -> Result<(), Error> {
        for path in [self.root.clone(), self.root.join(ACCOUNTS), self.root.join(CERTIFICATES)] {
            DirBuilder::new().recursive(true).mode(0o700).create(&path).map_err(Error::io(&path))?;
        }
        Ok(())
    }

    /// The file of a certificate and its key.
    pub(crate) fn certificate(&self, wanted: &Wanted) -> PathBuf {
        self.root.join(CERTIFICATES).join(format!("{}.pem", wanted.name()))
    }

    /// Lets one process order at a time. `None`: another one does.
    pub(crate) fn lock(&self) -> Result<Option<Lock>, Error> {
        let path = self.root.join("lock");
        let file = OpenOptions::new().create(true).write(true).truncate(false).mode(0o600).open(&path);
        let file = file.map_err(Error::io(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lock(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(Error::io(&path)(error)),
        }
    }

    /// The account with an authority, if there is one.
    pub(crate) fn account(&self, directory: &str) -> Result<Option<Account>, Error> {
        let path = self.account_file(directory);
        let Some(text) = read(&path)? else { return Ok(None) };
        let lines = String::from_utf8_lossy(&text);
        let all = |name: &str| -> Vec<String> {
            lines
                .lines()
                .filter_map(|line| line.strip_prefix(name))
                .map(|value| value.trim().into())
                .collect()
        };
        let url = all("account: ").into_iter().next().filter(|url| !url.is_empty());
        let url = url.ok_or_else(|| Error::file(&path, &"the URL of the account is missing"))?;
        let key = PrivatePkcs8KeyDer::from_pem_slice(&text)
            .map_err(|error| Error::file(&path, &format!("no private key found: {error}")))?;
        if Key::from_pkcs8_der(key.clone_key()).is_err() {
            return Err(Error::file(&path, &"the private key is not an ECDSA P-256 key"));
        }
        Ok(Some(Account { url, contacts: all("contact: "), key }))
    }

    pub(crate) fn keep_account(&self, directory: &str, account: &Account) -> Result<(), Error> {
        let key = pem("PRIVATE KEY", account.key.secret_pkcs8_der());
        let contacts: String =
            account.contacts.iter().map(|contact| format!("contact: {contact}\n")).collect();
        let text = format!("directory: {directory}\naccount: {}\n{contacts}{key}", account.url);
        write(&self.account_file(directory), text.as_bytes())
    }

    pub(crate) fn account_file(&self, directory: &str) -> PathBuf {
        self.root.join(ACCOUNTS).join(format!("{}.pem", hash(directory.as_bytes())))
    }

    /// How long nobody is to try for a certificate. What cannot be read says nothing.
    pub(crate) fn pause(&self, wanted: &Wanted) -> Option<Pause> {
        let text = fs::read_to_string(self.pause_file(wanted)).ok()?;
        let (failures, rest) = text.trim().split_once(' ')?;
        let (until, why) = rest.split_once(' ')?;
        // It is of other names, or of another authority.
        (why == self.purpose(wanted)).then_some(())?;
        let until = Duration::from_secs(until.parse().ok()?);
        Some(Pause { failures: failures.parse().ok()?, until: SystemTime::UNIX_EPOCH.checked_add(until)? })
    }

    pub(crate) fn keep_pause(&self, wanted: &Wanted, pause: Option<Pause>) -> Result<(), Error> {
        let path = self.pause_file(wanted);
        match pause {
            None => match fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io(&path)(error)),
                _ => Ok(()),
            },
            Some(Pause { failures, until }) => {
                let until = until.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
                write(&path, format!("{failures} {until} {}\n", self.purpose(wanted)).as_bytes())
            }
        }
    }

    fn pause_file(&self, wanted: &Wanted) -> PathBuf {
        self.root.join(CERTIFICATES).join(format!("{}.retry", wanted.name()))
    }

    fn purpose(&self, wanted: &Wanted) -> String {
        format!("{} {}", self.who, wanted.names().join(","))
    }
}

/// What a file holds; `None`: it is not there.
pub(crate) fn read(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io(path)(error)),
    }
}

/// Writes a file that its owner alone may read; whoever reads it meanwhile sees the old one or the new one.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let temporary = path.with_file_name(name);
    let written = || -> io::Result<()> {
        let mut file =
            OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        // The new name is on the disk as well when this returns.
        File::open(path.parent().unwrap_or(path))?.sync_all()
    };
    written().map_err(|error| {
        let _ = fs::remove_file(&temporary); // it may never have been there
        Error::io(path)(error)
    })
}

/// Puts a file that is no good where nobody looks for it but people.
pub(crate) fn set_aside(path: &Path) -> Result<PathBuf, Error> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".unusable");
    let to = path.with_file_name(name);
    fs::rename(path, &to).map_err(Error::io(path))?;
    Ok(to)
}

/// A short name for this.
pub(crate) fn hash(bytes: &[u8]) -> String {
    let hash = digest(&SHA256, bytes);
    hash.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at_checked(64).unwrap_or((rest, ""));
        pem.push_str(line);
        pem.push('\n');
        rest = more;
    }
    pem + &format!("-----END {label}-----\n")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;
    use crate::settings::{Challenge, KeyKind};

    fn store(root: &Path) -> Store {
        let store = Store::new(&Settings::new("https://ca.test/", root));
        store.prepare().unwrap();
        store
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn an_account_is_kept_for_its_authority_and_its_owner() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("deep/state");
        let store = store(&root);
        assert!(store.account("https://ca.test/").unwrap().is_none());
        let (_, key) = Key::generate_pkcs8().unwrap();
        let account = Account {
            url: "https://ca.test/acct/1".into(),
            contacts: vec!["mailto:a@a.test".into(), "mailto:b@a.test".into()],
            key: key.clone_key(),
        };
        store.keep_account("https://ca.test/", &account).unwrap();
        let found = store.account("https://ca.test/").unwrap().unwrap();
        assert_eq!((found.url, found.contacts), (account.url, account.contacts));
        assert_eq!(found.key, key);
        assert!(store.account("https://other.test/").unwrap().is_none());
        let path = store.account_file("https://ca.test/");
        assert_eq!((mode(&path), mode(&root), mode(path.parent().unwrap())), (0o600, 0o700, 0o700));
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing else is left");
        fs::write(&path, "nonsense").unwrap();
        let error = store.account("https://ca.test/").unwrap_err().to_string();
        assert!(error.contains("the URL of the account is missing"), "{error}");
        let other = KeyKind::Ecdsa384.generate().unwrap().serialize_pem();
        fs::write(&path, format!("account: https://ca.test/acct/1\n{other}")).unwrap();
        let error = store.account("https://ca.test/").unwrap_err().to_string();
        assert!(error.contains("the private key is not an ECDSA P-256 key"), "{error}");
        let aside = set_aside(&path).unwrap();
        assert!(aside.to_string_lossy().ends_with(".pem.unusable"));
        assert!(store.account("https://ca.test/").unwrap().is_none());
    }

    #[test]
    fn a_pause_is_of_its_names_and_its_authority() {
        let directory = tempfile::tempdir().unwrap();
        let first = store(directory.path());
        let wanted = Wanted::new(["a.test"]).unwrap();
        let until = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let pause = Pause { failures: 3, until };
        assert_eq!(first.pause(&wanted), None);
        first.keep_pause(&wanted, Some(pause)).unwrap();
        assert_eq!(first.pause(&wanted), Some(pause));
        assert_eq!(first.pause(&Wanted::new(["a.test", "b.test"]).unwrap()), None);
        let same = || Settings::new("https://ca.test/", directory.path());
        let external = |id: &str, key: &str| same().external_account(id, key).unwrap();
        for (what, mended) in [
            ("authority", Settings::new("https://b.test/", directory.path())),
            ("challenge", same().challenge(Challenge::TlsAlpn01)),
            ("terms", same().agree_to_terms()),
            ("contact", same().contact("mailto:a@a.test")),
            ("profile", same().profile("shortlived")),
            ("key", same().key(KeyKind::Rsa2048)),
            ("trusted", same().trusted_certificate("ca.pem")),
            ("external account", external("a", "c2VjcmV0")),
        ] {
            assert_eq!(Store::new(&mended).pause(&wanted), None, "another {what}");
        }
        assert_ne!(external("a", "c2VjcmV0").fingerprint(), external("a", "c2VjcmV1").fingerprint());
        assert_ne!(external("a", "c2VjcmV0").fingerprint(), external("b", "c2VjcmV0").fingerprint());
        first.keep_pause(&wanted, None).unwrap();
        first.keep_pause(&wanted, None).unwrap();
        assert_eq!(first.pause(&wanted), None);
        for nonsense in ["", "x", "3 x y", "3 99999999999999999999 y", "\u{0}"] {
            fs::write(first.pause_file(&wanted), nonsense).unwrap();
            assert_eq!(first.pause(&wanted), None, "{nonsense}");
        }
    }

    #[test]
    fn one_orders_at_a_time() {
        let directory = tempfile::tempdir().unwrap();
        let (one, other) = (store(directory.path()), store(directory.path()));
        let lock = one.lock().unwrap();
        assert!(lock.is_some() && other.lock().unwrap().is_none());
        drop(lock);
        assert!(other.lock().unwrap().is_some());
    }

    #[test]
    fn a_directory_that_cannot_be_written_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        fs::write(&file, "").unwrap();
        let error = Store::new(&Settings::new("https://ca.test/", &file)).prepare().unwrap_err();
        assert!(error.to_string().contains("file"), "{error}");
        assert!(write(&file.join("x"), b"").is_err());
    }
}
