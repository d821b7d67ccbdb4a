//! Which authority is asked, by whom, and how it is shown that names are ours.

use std::net::IpAddr;
use std::path::PathBuf;

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use instant_acme::ChallengeType;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_RSA_SHA256, RsaKeySize};

use crate::error::Error;
use crate::store::{self, Store};

/// The directory of Let's Encrypt.
pub const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";

/// How it is shown that a name is ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Challenge {
    /// By an answer over plain HTTP on port 80 of the name (RFC 8555 8.3).
    #[default]
    Http01,
    /// By a handshake of TLS on port 443 of the name (RFC 8737).
    TlsAlpn01,
}

impl Challenge {
    /// Its name in the protocol.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http01 => "http-01",
            Self::TlsAlpn01 => "tls-alpn-01",
        }
    }

    pub(crate) const fn kind(self) -> ChallengeType {
        match self {
            Self::Http01 => ChallengeType::Http01,
            Self::TlsAlpn01 => ChallengeType::TlsAlpn01,
        }
    }
}

/// The keys of certificates. Each certificate has a key of its own, and a new one when it is renewed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// ECDSA on P-256.
    #[default]
    Ecdsa256,
    /// ECDSA on P-384.
    Ecdsa384,
    /// RSA with 2048 bits.
    Rsa2048,
    /// RSA with 3072 bits.
    Rsa3072,
    /// RSA with 4096 bits.
    Rsa4096,
}

impl KeyKind {
    pub(crate) fn generate(self) -> Result<KeyPair, Error> {
        match self {
            Self::Ecdsa256 => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256),
            Self::Ecdsa384 => KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384),
            Self::Rsa2048 => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048),
            Self::Rsa3072 => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_3072),
            Self::Rsa4096 => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_4096),
        }
        .map_err(Error::library)
    }
}

/// Which authority is asked, by whom, and how it is shown that names are ours.
///
/// ```
/// use propylon_acme::{Challenge, Settings};
///
/// let settings = Settings::new("https://acme.example.com/directory", "/var/lib/acme")
///     .agree_to_terms()
///     .contact("mailto:hostmaster@example.com")
///     .challenge(Challenge::TlsAlpn01);
/// assert_eq!(settings.directory(), "https://acme.example.com/directory");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    pub(crate) directory: String,
    pub(crate) state: PathBuf,
    pub(crate) contacts: Vec<String>,
    pub(crate) agreed: bool,
    pub(crate) challenge: Challenge,
    pub(crate) trusted: Option<PathBuf>,
    pub(crate) external: Option<(String, ExternalKey)>,
    pub(crate) profile: Option<String>,
    pub(crate) key: KeyKind,
}

/// The key of an account that the authority knows already.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum ExternalKey {
    Given(Vec<u8>),
    /// It is read when an account is made.
    InFile(PathBuf),
}

impl ExternalKey {
    /// The key. A file is not named: what stands for its name may be the key itself, by mistake.
    pub(crate) fn read(&self) -> Result<Vec<u8>, Error> {
        match self {
            Self::Given(key) => Ok(key.clone()),
            Self::InFile(path) => match std::fs::read_to_string(path) {
                Ok(text) => decoded(&text),
                Err(error) => {
                    Err(Error::Setting(format!("cannot read the key file of the external account: {error}")))
                }
            },
        }
    }
}

fn decoded(key: &str) -> Result<Vec<u8>, Error> {
    let forgiving = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    // What is wrong with it is not said, for that would be a part of it.
    let key = GeneralPurpose::new(&URL_SAFE, forgiving).decode(key.trim());
    key.map_err(|_| Error::Setting("the key of the external account is not valid base64url".into()))
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("directory", &self.directory)
            .field("state", &self.state)
            .field("challenge", &self.challenge)
            .finish_non_exhaustive()
    }
}

impl Settings {
    /// The authority with this directory, `https://…`; accounts and certificates are kept in files below `state`.
    #[must_use]
    pub fn new(directory: impl Into<String>, state: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            state: state.into(),
            contacts: Vec::new(),
            agreed: false,
            challenge: Challenge::default(),
            trusted: None,
            external: None,
            profile: None,
            key: KeyKind::default(),
        }
    }

    /// Agrees to the authority's terms of service: most make no account without.
    #[must_use]
    pub fn agree_to_terms(mut self) -> Self {
        self.agreed = true;
        self
    }

    /// Where the authority may turn to: a URL such as `mailto:hostmaster@example.com`. There may be several.
    #[must_use]
    pub fn contact(mut self, url: impl Into<String>) -> Self {
        self.contacts.push(url.into());
        self
    }

    /// How it is shown that names are ours. Default: [`Challenge::Http01`].
    #[must_use]
    pub fn challenge(mut self, challenge: Challenge) -> Self {
        self.challenge = challenge;
        self
    }

    /// The file of certificates, PEM, that the authority's own TLS is trusted by. Default: those that the system trusts.
    #[must_use]
    pub fn trusted_certificate(mut self, file: impl Into<PathBuf>) -> Self {
        self.trusted = Some(file.into());
        self
    }

    /// Binds the account to one that the authority knows already (RFC 8555 7.3.4): its identifier there, and the key, which the
    /// authority gives out as base64url.
    ///
    /// # Errors
    /// If the key is no base64url.
    pub fn external_account(mut self, id: impl Into<String>, key: &str) -> Result<Self, Error> {
        self.external = Some((id.into(), ExternalKey::Given(decoded(key)?)));
        Ok(self)
    }

    /// The same with the key in a file, which is read when an account is made and not before: it need not stay.
    #[must_use]
    pub fn external_account_file(mut self, id: impl Into<String>, file: impl Into<PathBuf>) -> Self {
        self.external = Some((id.into(), ExternalKey::InFile(file.into())));
        self
    }

    /// The kind of certificate that is ordered, by the authority's name for it. Default: the authority's default.
    #[must_use]
    pub fn profile(mut self, name: impl Into<String>) -> Self {
        self.profile = Some(name.into());
        self
    }

    /// The keys of certificates. Default: [`KeyKind::Ecdsa256`].
    #[must_use]
    pub fn key(mut self, kind: KeyKind) -> Self {
        self.key = kind;
        self
    }

    /// The URL of the authority's directory.
    #[must_use]
    pub fn directory(&self) -> &str {
        &self.directory
    }

    /// Looks whether an account can be made, if there is none yet. Reads files.
    ///
    /// # Errors
    /// If there is none, and the key of the external account cannot be read.
    pub fn check(&self) -> Result<(), Error> {
        match &self.external {
            Some((_, key)) if !matches!(Store::new(self).account(&self.directory), Ok(Some(_))) => {
                key.read().map(drop)
            }
            _ => Ok(()),
        }
    }

    /// A short name for what an authority may have refused, beside the names of a certificate: it changes with any of that.
    pub(crate) fn fingerprint(&self) -> String {
        let Self { directory: _, state: _, contacts, agreed, challenge: _, trusted, external, profile, key } =
            self;
        let external = external.as_ref().map(|(id, key)| match key {
            ExternalKey::Given(key) => (id, store::hash(key)),
            ExternalKey::InFile(file) => (id, file.display().to_string()),
        });
        store::hash(format!("{contacts:?} {agreed} {trusted:?} {external:?} {profile:?} {key:?}").as_bytes())
    }
}

/// A certificate that is wanted: the names that it is for.
///
/// ```
/// use propylon_acme::Wanted;
///
/// let wanted = Wanted::new(["example.com", "www.example.com"]).unwrap();
/// assert_eq!(wanted.names(), ["example.com", "www.example.com"]);
/// assert_eq!(Wanted::new(["0:0::0:1"]).unwrap().names(), ["::1"]);
/// assert!(Wanted::new(["*.example.com"]).is_err(), "that takes DNS-01");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Wanted {
    names: Vec<String>,
}

impl Wanted {
    /// For these names and addresses, each of which is there once. The first one gives the file its name.
    ///
    /// # Errors
    /// If there are none, or one is no name that can be certified so.
    pub fn new<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Result<Self, Error> {
        let mut known: Vec<String> = Vec::new();
        for name in names {
            let name = canonical(&name.into());
            if !is_name(&name) {
                return Err(Error::Setting(format!(
                    "invalid name \"{}\" for a certificate: expected a host name without wildcards, or an IP address",
                    name.escape_debug()
                )));
            }
            if !known.contains(&name) {
                known.push(name);
            }
        }
        let names = known;
        if names.is_empty() {
            return Err(Error::Setting("a certificate needs at least one name".into()));
        }
        Ok(Self { names })
    }

    /// The names.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The first name, which the file is called by.
    pub(crate) fn name(&self) -> &str {
        self.names.first().map_or("", |name| name)
    }
}

/// A name as certificates have it.
fn canonical(name: &str) -> String {
    match name.parse::<IpAddr>() {
        Ok(address) => address.to_string(),
        Err(_) => name.to_ascii_lowercase(),
    }
}

/// Whether this may be the name of a host, or an address.
fn is_name(name: &str) -> bool {
    let label = |label: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !label.is_empty() && label.len() <= 63 && label.bytes().all(fits) && !label.starts_with('-')
    };
    name.parse::<IpAddr>().is_ok() || (name.len() <= 253 && name.split('.').all(label))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["a", "a.test", "xn--bcher-kva.example", "10.0.0.1", "::1", "a-b.c"] {
            assert!(is_name(good), "{good}");
        }
        for bad in
            ["", ".", "a.", ".a", "a..b", "*.a", "a/b", "..", "a b", "_", "-a", "a:80", &"a".repeat(64)]
        {
            assert!(!is_name(bad), "{bad}");
        }
        assert!(Wanted::new(Vec::<String>::new()).is_err());
        assert_eq!(Wanted::new(["A.test"]).unwrap().name(), "a.test");
        let odd = ["2001:DB8:0:0::1", "::ffff:10.0.0.1", "2001:db8::1", "a.test", "A.TEST"];
        assert_eq!(Wanted::new(odd).unwrap().names(), ["2001:db8::1", "::ffff:10.0.0.1", "a.test"]);
    }

    #[test]
    fn a_key_may_be_padded_and_is_not_shown() {
        let settings = || Settings::new("https://a.test/", "/tmp");
        for text in ["c2VjcmV0LQ", "c2VjcmV0LQ==", " c2VjcmV0LQ\n"] {
            let made = settings().external_account("id", text).unwrap();
            let (id, key) = made.external.as_ref().unwrap();
            assert_eq!((&**id, key.read().unwrap()), ("id", b"secret-".to_vec()), "{text}");
            assert!(!format!("{made:?}").contains("secret"));
        }
        let error = settings().external_account("id", "c2VjcmV0!").unwrap_err().to_string();
        assert_eq!(error, "the key of the external account is not valid base64url");
    }

    #[test]
    fn a_key_in_a_file_is_needed_for_a_new_account_alone() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("c2VjcmV0"); // a key in the place of a file's name
        let settings = Settings::new("https://a.test/", directory.path()).external_account_file("id", &file);
        let error = settings.check().unwrap_err().to_string();
        assert!(
            error.contains("cannot read the key file of the external account: No such file")
                && !error.contains("c2VjcmV0"),
            "{error}"
        );
        std::fs::write(&file, "c2VjcmV0LQ\n").unwrap();
        settings.check().unwrap();
        std::fs::write(&file, "!").unwrap();
        settings.check().unwrap_err();
        let (_, key) = instant_acme::Key::generate_pkcs8().unwrap();
        let account = store::Account { url: "https://a.test/1".into(), contacts: Vec::new(), key };
        let store = Store::new(&settings);
        store.prepare().unwrap();
        store.keep_account("https://a.test/", &account).unwrap();
        settings.check().unwrap();
    }
}
