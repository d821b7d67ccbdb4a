//! Certificates made for a test: authorities, what they issue, and what they revoke.

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};

/// Who issues certificates.
///
/// ```
/// use propylon_testkit::certificates::Authority;
///
/// let root = Authority::root("Root");
/// let identity = root.intermediate("Middle").server(&["a.test"]);
/// assert!(identity.chain.contains("BEGIN CERTIFICATE"));
/// ```
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its own certificate, PEM.
    pub certificate: String,
    /// What its certificates are to be sent with: those between it and the root.
    chain: String,
}

/// A certificate with its chain, and its key.
#[derive(Debug)]
pub struct Identity {
    /// The certificate and those between it and the root, PEM.
    pub chain: String,
    /// The key, PEM.
    pub key: String,
    serial: SerialNumber,
}

impl Authority {
    /// One that signs its own certificate.
    ///
    /// # Panics
    /// If there is no randomness.
    #[must_use]
    pub fn root(name: &str) -> Self {
        let (params, key) = (authority(name), KeyPair::generate().expect("a key"));
        let certificate = params.self_signed(&key).expect("a certificate").pem();
        Self { issuer: Issuer::new(params, key), certificate, chain: String::new() }
    }

    /// One whose certificate this one issues.
    ///
    /// # Panics
    /// If there is no randomness.
    #[must_use]
    pub fn intermediate(&self, name: &str) -> Self {
        let (params, key) = (authority(name), KeyPair::generate().expect("a key"));
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate").pem();
        let chain = format!("{certificate}{}", self.chain);
        Self { issuer: Issuer::new(params, key), certificate, chain }
    }

    /// Its key, PEM.
    #[must_use]
    pub fn key(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// A certificate for these names and addresses.
    #[must_use]
    pub fn server(&self, names: &[&str]) -> Identity {
        self.issue(names, 2000, 2099)
    }

    /// One that was valid once.
    #[must_use]
    pub fn expired_server(&self, names: &[&str]) -> Identity {
        self.issue(names, 2000, 2001)
    }

    /// One that will be valid one day.
    #[must_use]
    pub fn early_server(&self, names: &[&str]) -> Identity {
        self.issue(names, 2098, 2099)
    }

    fn issue(&self, names: &[&str], from: i32, until: i32) -> Identity {
        let names: Vec<String> = names.iter().map(|name| (*name).into()).collect();
        let mut params = CertificateParams::new(names).expect("names");
        params.not_before = date_time_ymd(from, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().expect("a key");
        let serial = SerialNumber::from(key.public_key_raw().get(1..9).expect("a long key").to_vec());
        params.serial_number = Some(serial.clone());
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate").pem();
        Identity { chain: format!("{certificate}{}", self.chain), key: key.serialize_pem(), serial }
    }

    /// The list of what is revoked, PEM.
    ///
    /// # Panics
    /// If it cannot be signed.
    #[must_use]
    pub fn revocation_list(&self, revoked: &[&Identity]) -> String {
        let revoked = revoked.iter().map(|identity| RevokedCertParams {
            serial_number: identity.serial.clone(),
            revocation_time: date_time_ymd(2020, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 1),
            next_update: date_time_ymd(2099, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).expect("a list").pem().expect("PEM")
    }
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

impl Identity {
    /// Writes `NAME.pem` and `NAME.key`.
    ///
    /// # Panics
    /// If they cannot be written.
    #[must_use]
    pub fn write(&self, directory: &Path, name: &str) -> (PathBuf, PathBuf) {
        (
            file(directory, &format!("{name}.pem"), &self.chain),
            file(directory, &format!("{name}.key"), &self.key),
        )
    }
}

/// Writes a file, and gives its path.
///
/// # Panics
/// If it cannot be written.
#[must_use]
pub fn file(directory: &Path, name: &str, text: &str) -> PathBuf {
    let path = directory.join(name);
    std::fs::write(&path, text).expect("a file can be written");
    path
}
