//! `propylon fmt`.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use propylon_tests::{binary, lossy, workspace};

fn run(arguments: &[&str], files: &[&Path]) -> Output {
    Command::new(binary()).args(arguments).args(files).output().unwrap()
}

#[test]
fn files_are_laid_out_in_their_places() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let (good, bad, link) = (at("good.toml"), at("bad.toml"), at("link.toml"));
    fs::write(&good, "a = 1\n").unwrap();
    fs::write(&bad, "a=1 # one\n").unwrap();
    fs::set_permissions(&bad, PermissionsExt::from_mode(0o640)).unwrap();
    symlink(&bad, &link).unwrap();
    let checked = run(&["fmt", "--check"], &[&good, &link]);
    assert_eq!(checked.status.code(), Some(1));
    assert_eq!(lossy(&checked.stderr), format!("{} is not formatted\n", link.display()));
    assert_eq!(fs::read_to_string(&bad).unwrap(), "a=1 # one\n", "nothing is written");
    let written = run(&["fmt"], &[&good, &link]);
    assert_eq!((written.status.code(), lossy(&written.stdout)), (Some(0), String::new()));
    assert_eq!(fs::read_to_string(&bad).unwrap(), "a = 1 # one\n");
    assert_eq!(fs::metadata(&bad).unwrap().permissions().mode() & 0o777, 0o640);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(run(&["fmt", "--check"], &[&good, &bad]).status.code(), Some(0));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 3, "nothing else is left");
}

#[test]
fn what_is_no_toml_stays_as_it_is_and_others_do_not() {
    let directory = tempfile::tempdir().unwrap();
    let (broken, other) = (directory.path().join("broken.toml"), directory.path().join("other.toml"));
    fs::write(&broken, "a = = 1\n").unwrap();
    fs::write(&other, "a=1\n").unwrap();
    let output = run(&["fmt"], &[&broken, &other]);
    assert_eq!(output.status.code(), Some(1));
    assert!(lossy(&output.stderr).contains("broken.toml:1:5"), "{}", lossy(&output.stderr));
    assert_eq!(fs::read_to_string(&broken).unwrap(), "a = = 1\n");
    assert_eq!(fs::read_to_string(&other).unwrap(), "a = 1\n");
    let gone = run(&["fmt"], &[&directory.path().join("gone.toml")]);
    assert!(
        gone.status.code() == Some(1) && lossy(&gone.stderr).contains("gone.toml"),
        "{}",
        lossy(&gone.stderr)
    );
}

#[test]
fn standard_input_goes_to_standard_output() {
    let mut command = Command::new(binary());
    command.args(["fmt", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"[a]\n  b=1").unwrap();
    assert_eq!(lossy(&child.wait_with_output().unwrap().stdout), "[a]\nb = 1\n");
}

/// What is converted needs no formatting, nor does what we ship.
#[test]
fn our_own_configurations_are_laid_out_so() {
    let directory = tempfile::tempdir().unwrap();
    let converted = directory.path().join("converted.toml");
    let conf = workspace().join("crates/nginx-conf/tests/conf/gitlab.conf");
    let imported = Command::new(binary()).arg("import").arg(conf).arg("-o").arg(&converted).output().unwrap();
    assert_eq!(imported.status.code(), Some(0), "{}", lossy(&imported.stderr));
    let deployed = workspace().join("deploy/propylon.toml");
    let checked = run(&["fmt", "--check"], &[&converted, &deployed]);
    assert_eq!(checked.status.code(), Some(0), "{}", lossy(&checked.stderr));
}
