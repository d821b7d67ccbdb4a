//! What is in a directory.
#![allow(clippy::unwrap_used, dead_code, reason = "a test; each of them uses a part of this")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// All that is in a directory: directories end in a slash; of files there are the rights and what is in them.
pub(crate) fn tree(at: &Path) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    walk(at, "", &mut all);
    all
}

fn walk(at: &Path, prefix: &str, all: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(at).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let about = fs::symlink_metadata(entry.path()).unwrap();
        let mode = about.permissions().mode() & 0o777;
        if about.is_dir() {
            walk(&entry.path(), &format!("{name}/"), all);
            all.insert(format!("{name}/"), format!("{mode:o}"));
        } else if about.is_symlink() {
            all.insert(name, "link".into());
        } else {
            all.insert(name, format!("{mode:o} {}", fs::read_to_string(entry.path()).unwrap()));
        }
    }
}
