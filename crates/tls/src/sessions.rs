//! What makes sessions of clients resumable: a memory, and keys for tickets.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{hkdf, rand};
use parking_lot::Mutex;
use rustls::TicketRotator;
use rustls::crypto::GetRandomFailed;
use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::{
    NoServerSessionStorage, ProducesTickets, ServerSessionMemoryCache, StoresServerSessions,
};
use rustls_pki_types::UnixTime;

use crate::error::BuildError;
use crate::pem::problem;

/// What makes sessions of clients resumable: to be kept as long as the process, so that a new configuration resumes the
/// sessions of the old one. A clone is the same.
#[derive(Clone)]
pub struct Sessions {
    cache: Arc<dyn StoresServerSessions>,
    tickets: Tickets,
}

/// Keys, each by how long they make tickets, in seconds.
type Keys = Vec<(u32, Arc<dyn ProducesTickets>)>;

#[derive(Clone)]
enum Tickets {
    /// Keys that nobody else has, and that change as often as sessions end: one set for each time that they last.
    Own(Arc<Mutex<Keys>>),
    Files(Arc<dyn ProducesTickets>),
}

/// How long a key makes tickets at the most: six hours, as long as rustls would have it.
const KEY: u64 = 6 * 3600;

impl Sessions {
    /// Remembers so many sessions, none with 0, and has keys for tickets, which change as often as sessions end
    /// ([`session_timeout`](crate::AcceptorBuilder::session_timeout)), every six hours at least.
    ///
    /// # Errors
    /// If there is no randomness to be had.
    pub fn new(count: usize) -> Result<Self, BuildError> {
        // Whether there are keys to be had is told now, not when the first acceptor wants one.
        Ticketer::new().map_err(|error| BuildError::Library(error.to_string()))?;
        let cache: Arc<dyn StoresServerSessions> = match count {
            0 => Arc::new(NoServerSessionStorage {}),
            count => ServerSessionMemoryCache::new(count),
        };
        Ok(Self { cache, tickets: Tickets::Own(Arc::default()) })
    }

    /// The same memory, with keys for tickets from files of 48 or 80 random bytes (`openssl rand 80`): the first one makes
    /// tickets, all of them are tried on those that clients bring. So several machines know each other's tickets, and who
    /// owns the files changes the keys (nginx: `ssl_session_ticket_key`).
    ///
    /// # Errors
    /// If a file cannot be read or has another length.
    pub fn ticket_keys<P: AsRef<Path>>(
        &self,
        files: impl IntoIterator<Item = P>,
    ) -> Result<Self, BuildError> {
        let keys = files.into_iter().map(|file| TicketKey::read(file.as_ref()));
        let keys = keys.collect::<Result<Vec<_>, _>>()?;
        Ok(Self { cache: Arc::clone(&self.cache), tickets: Tickets::Files(Arc::new(TicketKeys(keys))) })
    }

    /// The memory for one acceptor: sessions of others are not resumed.
    pub(crate) fn memory(&self, scope: Scope) -> Arc<dyn StoresServerSessions> {
        Arc::new(Scoped { inner: Arc::clone(&self.cache), scope })
    }

    /// The tickets of one acceptor.
    ///
    /// # Errors
    /// If there is no randomness to be had.
    pub(crate) fn tickets(&self, scope: Scope) -> Result<Arc<dyn ProducesTickets>, BuildError> {
        let inner = match &self.tickets {
            Tickets::Files(keys) => Arc::clone(keys),
            Tickets::Own(all) => own(&mut all.lock(), scope.timeout)?,
        };
        Ok(Arc::new(Scoped { inner, scope }))
    }
}

/// The keys that change so often.
fn own(all: &mut Keys, timeout: Duration) -> Result<Arc<dyn ProducesTickets>, BuildError> {
    let seconds = u32::try_from(timeout.as_secs().clamp(1, KEY)).unwrap_or(u32::MAX);
    if let Some((_, known)) = all.iter().find(|(known, _)| *known == seconds) {
        return Ok(Arc::clone(known));
    }
    // The one before opens what it made, so that each ticket is good for as long as its session.
    let keys = TicketRotator::new(seconds, || {
        let keys: Box<dyn ProducesTickets> = Box::new(Fresh(Ticketer::new().map_err(|_| GetRandomFailed)?));
        Ok(keys)
    });
    let keys: Arc<dyn ProducesTickets> =
        Arc::new(keys.map_err(|error| BuildError::Library(error.to_string()))?);
    all.push((seconds, Arc::clone(&keys)));
    Ok(keys)
}

/// A key of rustls's.
#[derive(Debug)]
struct Fresh(Arc<dyn ProducesTickets>);

impl ProducesTickets for Fresh {
    fn enabled(&self) -> bool {
        self.0.enabled()
    }

    fn lifetime(&self) -> u32 {
        self.0.lifetime()
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.0.encrypt(plain)
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        self.0.decrypt(cipher)
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").finish_non_exhaustive()
    }
}

/// Whose sessions these are, and how long they are good. A session that was begun where clients are not asked who they are,
/// or are asked by other authorities, is not resumed where they are: OpenSSL's session ID context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) name: [u8; 16],
    pub(crate) timeout: Duration,
}

impl Scope {
    fn wrap(self, session: &[u8]) -> Vec<u8> {
        [&self.name[..], &UnixTime::now().as_secs().to_be_bytes(), session].concat()
    }

    fn unwrap(self, wrapped: &[u8]) -> Option<Vec<u8>> {
        let (name, rest) = wrapped.split_first_chunk::<16>()?;
        let (began, session) = rest.split_first_chunk()?;
        let age = UnixTime::now().as_secs().checked_sub(u64::from_be_bytes(*began))?;
        (*name == self.name && age < self.timeout.as_secs()).then(|| session.to_vec())
    }
}

/// Sessions of one scope.
#[derive(Debug)]
struct Scoped<T: ?Sized> {
    inner: Arc<T>,
    scope: Scope,
}

impl StoresServerSessions for Scoped<dyn StoresServerSessions> {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        self.inner.put(key, self.scope.wrap(&value))
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.scope.unwrap(&self.inner.get(key)?)
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.scope.unwrap(&self.inner.take(key)?)
    }

    fn can_cache(&self) -> bool {
        self.inner.can_cache()
    }
}

impl ProducesTickets for Scoped<dyn ProducesTickets> {
    fn enabled(&self) -> bool {
        self.inner.enabled()
    }

    fn lifetime(&self) -> u32 {
        let timeout = u32::try_from(self.scope.timeout.as_secs()).unwrap_or(u32::MAX);
        self.inner.lifetime().min(timeout)
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.inner.encrypt(&self.scope.wrap(plain))
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        self.scope.unwrap(&self.inner.decrypt(cipher)?)
    }
}

/// Keys from files.
struct TicketKeys(Vec<TicketKey>);

struct TicketKey {
    /// What its tickets begin with.
    name: [u8; 16],
    key: LessSafeKey,
}

impl TicketKey {
    fn read(file: &Path) -> Result<Self, BuildError> {
        let bytes = std::fs::read(file).map_err(|error| problem(file, &error))?;
        let Some((name, secret)) = bytes.split_first_chunk().filter(|_| matches!(bytes.len(), 48 | 80))
        else {
            let found = bytes.len();
            return Err(problem(
                file,
                &format!(
                    "a ticket key must have 48 or 80 bytes, not {found} (create one with `openssl rand 80`)"
                ),
            ));
        };
        let library = |_| BuildError::Library("a ticket key cannot be derived".into());
        let secret = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(secret);
        let key = secret.expand(&[b"propylon session ticket"], &AES_256_GCM).map_err(library)?;
        Ok(Self { name: *name, key: LessSafeKey::new(UnboundKey::from(key)) })
    }
}

impl ProducesTickets for TicketKeys {
    fn enabled(&self) -> bool {
        !self.0.is_empty()
    }

    fn lifetime(&self) -> u32 {
        u32::MAX // as long as the files: the scope's limit counts
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let key = self.0.first()?;
        let mut nonce = [0; NONCE_LEN];
        rand::fill(&mut nonce).ok()?;
        let mut sealed = plain.to_vec();
        let nonce_used = Nonce::assume_unique_for_key(nonce);
        key.key.seal_in_place_append_tag(nonce_used, Aad::from(key.name), &mut sealed).ok()?;
        Some([&key.name[..], &nonce, &sealed].concat())
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        let (name, rest) = cipher.split_first_chunk::<16>()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>()?;
        let mut keys = self.0.iter().filter(|key| key.name == *name);
        keys.find_map(|key| {
            let mut sealed = sealed.to_vec();
            let nonce = Nonce::assume_unique_for_key(*nonce);
            let opened = key.key.open_in_place(nonce, Aad::from(*name), &mut sealed).ok()?;
            Some(opened.to_vec())
        })
    }
}

impl fmt::Debug for TicketKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TicketKeys").field(&self.0.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(names: &[u8]) -> TicketKeys {
        let directory = tempfile::tempdir().unwrap();
        let read = |&name: &u8| {
            let file = directory.path().join(name.to_string());
            std::fs::write(&file, [name; 80]).unwrap();
            TicketKey::read(&file).unwrap()
        };
        TicketKeys(names.iter().map(read).collect())
    }

    #[test]
    fn acceptors_whose_sessions_last_as_long_have_the_same_keys() {
        let sessions = Sessions::new(1).unwrap();
        let tickets = |seconds| {
            let scope = Scope { name: [0; 16], timeout: Duration::from_secs(seconds) };
            sessions.tickets(scope).unwrap()
        };
        let ticket = tickets(5).encrypt(b"session").unwrap();
        assert_eq!(tickets(5).decrypt(&ticket).unwrap(), b"session");
        assert_eq!(tickets(6).decrypt(&ticket), None);
        let lifetime = tickets(90_000).lifetime();
        assert_eq!((tickets(5).lifetime(), lifetime), (5, 12 * 3600), "as long as its key is kept");
    }

    #[test]
    fn the_first_key_makes_tickets_and_all_open_them() {
        let (old, both, new) = (keys(&[1]), keys(&[2, 1]), keys(&[2]));
        let ticket = old.encrypt(b"session").unwrap();
        assert_eq!(both.decrypt(&ticket).unwrap(), b"session");
        assert_eq!(new.decrypt(&ticket), None);
        let ticket = both.encrypt(b"other").unwrap();
        assert_eq!((new.decrypt(&ticket), old.decrypt(&ticket)), (Some(b"other".to_vec()), None));
        for at in 0..ticket.len() {
            let mut forged = ticket.clone();
            forged[at] ^= 1;
            assert_eq!(both.decrypt(&forged), None, "byte {at}");
        }
        assert_eq!(both.decrypt(b"short"), None);
        assert!(!keys(&[]).enabled());
    }

    #[test]
    fn sessions_have_a_scope_and_an_age() {
        let scope = |name, seconds| Scope { name: [name; 16], timeout: Duration::from_secs(seconds) };
        let wrapped = scope(1, 300).wrap(b"session");
        assert_eq!(wrapped.len(), 16 + 8 + 7);
        assert_eq!(scope(1, 300).unwrap(&wrapped).unwrap(), b"session");
        assert_eq!(scope(2, 300).unwrap(&wrapped), None, "another's");
        assert_eq!(scope(1, 0).unwrap(&wrapped), None, "too old");
        assert_eq!(scope(1, 300).unwrap(b"short"), None);
    }
}
