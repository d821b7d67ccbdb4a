//! What a keeper does, for whoever keeps a log.

use std::path::Path;
use std::time::SystemTime;

use crate::error::Error;

/// What has happened. Prints as a line of a log.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// An authority is asked for a certificate.
    Ordering {
        /// Its names.
        names: &'a [String],
        /// The directory of the authority.
        directory: &'a str,
    },
    /// There is a new certificate: it is in its file, and in force.
    Issued {
        /// Its names.
        names: &'a [String],
        /// Its file.
        file: &'a Path,
        /// When it ends.
        until: SystemTime,
        /// When it is renewed.
        renewal: SystemTime,
    },
    /// Another process has had it renewed: it is in force here too.
    Adopted {
        /// Its names.
        names: &'a [String],
        /// Its file.
        file: &'a Path,
        /// When it ends.
        until: SystemTime,
    },
    /// There is no new certificate.
    Failed {
        /// Its names.
        names: &'a [String],
        /// Why.
        error: &'a Error,
        /// How often in a row that was so.
        failures: u32,
        /// When it is tried again.
        next: SystemTime,
        /// When the certificate ends that is in force, if there is one.
        until: Option<SystemTime>,
    },
    /// Nobody is asked yet, for it has failed before.
    Waiting {
        /// Its names.
        names: &'a [String],
        /// How often in a row it has failed.
        failures: u32,
        /// When it is tried again.
        next: SystemTime,
    },
    /// A file of the state was no good.
    SetAside {
        /// The file.
        file: &'a Path,
        /// What it is called now.
        to: &'a Path,
        /// What is wrong with it.
        problem: &'a str,
    },
    /// A file of the state cannot be read or written.
    State {
        /// Why.
        error: &'a Error,
    },
}

impl std::fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let date = |time: &SystemTime| httpdate::fmt_http_date(*time);
        match self {
            Self::Ordering { names, directory } => {
                write!(f, "requesting a certificate for {} from {directory}", names.join(", "))
            }
            Self::Issued { names, until, renewal, .. } => write!(
                f,
                "a new certificate for {} is in use, valid until {}; it will be renewed at {}",
                names.join(", "),
                date(until),
                date(renewal)
            ),
            Self::Adopted { names, until, .. } => write!(
                f,
                "a certificate for {} that another process obtained is in use, valid until {}",
                names.join(", "),
                date(until)
            ),
            Self::Failed { names, error, failures, next, until } => {
                let names = names.join(", ");
                write!(
                    f,
                    "cannot obtain a certificate for {names}: {error}; consecutive failures: {failures}; "
                )?;
                match until {
                    Some(until) => write!(f, "the certificate in use expires at {}; ", date(until))?,
                    None => write!(f, "no certificate is in use; ")?,
                }
                write!(f, "next attempt at {}", date(next))
            }
            Self::Waiting { names, failures, next } => write!(
                f,
                "no certificate for {} is requested before {}; consecutive failures: {failures}",
                names.join(", "),
                date(next)
            ),
            Self::SetAside { file, to, problem } => {
                write!(
                    f,
                    "{}: {problem}; the file is renamed to {} and will be created again",
                    file.display(),
                    to.display()
                )
            }
            Self::State { error } => write!(f, "cannot read or write the ACME state: {error}"),
        }
    }
}
