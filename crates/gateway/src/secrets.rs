//! Files of passwords and keys that requests will ask for.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;

use propylon_config::{Config, Template};

use crate::error::chain;

/// Those that cannot be read now: it would only be seen when the first request is refused. Files whose names have variables are known
/// only then.
pub(crate) fn faults(config: &Config) -> Vec<String> {
    let settings = config.locations().map(|location| &location.settings);
    let files = settings.flat_map(|settings| {
        let access = &settings.access;
        let except = access.limit_except.as_ref().and_then(|except| except.basic.as_ref());
        let users = access.basic.iter().chain(except).map(|basic| ("password file", &basic.users));
        let keys = settings.auth_jwt.key_file.iter().map(|file| ("key file", file));
        users.chain(keys)
    });
    let mut faults = Vec::new();
    for (what, file) in files {
        if let Some(fault) = fault(what, file).filter(|fault| !faults.contains(fault)) {
            tracing::error!(target: "propylon_gateway", "{fault}");
            faults.push(fault);
        }
    }
    faults
}

fn fault(what: &str, file: &Template) -> Option<String> {
    let path = OsStr::from_bytes(file.as_static()?);
    let error = File::open(path).err()?;
    Some(format!("cannot open the {what} {}: {}", path.display(), chain(&error)))
}
