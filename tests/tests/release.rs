//! Release builds are optimised by a profile (`pgo/README.md`): cargo is told so, and the compiler can read it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use propylon_tests::{lossy, workspace};
use sha1::{Digest, Sha1};

fn wrapper() -> PathBuf {
    let cargo = fs::read_to_string(workspace().join(".cargo/config.toml")).unwrap();
    let line = cargo.lines().find(|line| line.starts_with("rustc-wrapper")).expect("no wrapper");
    workspace().join(line.split('"').nth(1).unwrap())
}

/// What the compiler is given of what cargo says.
fn given(arguments: &[&str]) -> String {
    let package = [("CARGO_PKG_NAME", "a"), ("CARGO_PKG_VERSION", "1.0.0")];
    let output = Command::new(wrapper()).arg("echo").args(arguments).envs(package).output().unwrap();
    assert!(output.status.success(), "{}", lossy(&output.stderr));
    lossy(&output.stdout).trim().to_owned()
}

#[test]
fn only_release_builds_have_the_profile() {
    let dev = ["--crate-name", "a", "-C", "opt-level=1", "src/lib.rs"];
    assert_eq!(given(&dev), dev.join(" "));
    let release = ["--crate-name", "a", "-C", "opt-level=3", "-C", "lto", "src/lib.rs"];
    let given = given(&release);
    assert!(given.starts_with(&release.join(" ")), "{given}");
    assert!(given.contains("-Cprofile-use="), "{given}");
}

/// What cargo calls a crate changes with its dependencies, and would change the names of all its functions.
#[test]
fn the_profile_fits_whatever_a_crate_depends_on() {
    let given = |metadata| given(&["--crate-name", "a", "-C", "opt-level=3", "-C", metadata, "a b.rs"]);
    assert_eq!(given("metadata=1234"), given("metadata=5678"));
    assert!(given("metadata=1234").contains("-C metadata=a-1.0.0 a b.rs"), "{}", given("metadata=1234"));
    let recorded = ["-C", "opt-level=3", "-C", "metadata=1234", "-Cprofile-generate=raw"];
    assert!(self::given(&recorded).ends_with("-C metadata=a-1.0.0 -Cprofile-generate=raw"));
}

/// Cargo builds all anew for another compiler: what was built with two profiles does not link.
#[test]
fn another_profile_is_another_compiler() {
    let profile = Sha1::digest(fs::read(workspace().join("pgo/propylon.profdata")).unwrap());
    let digest: String = profile.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(given(&["-vV"]), format!("-vV\nprofile: {digest}"));
}

#[test]
fn the_compiler_reads_the_profile() {
    let directory = tempfile::tempdir().unwrap();
    let source = directory.path().join("a.rs");
    fs::write(&source, "pub fn a() {}").unwrap();
    let output = Command::new(wrapper())
        .args(["rustc", "--crate-type", "lib", "-C", "opt-level=3"])
        .args(["--out-dir".as_ref(), directory.path().as_os_str(), source.as_os_str()])
        .current_dir(workspace()) // whose toolchain it is
        .output()
        .unwrap();
    // What it cannot make sense of is but a warning.
    assert!(output.status.success() && output.stderr.is_empty(), "{}", lossy(&output.stderr));
    assert!(directory.path().join("liba.rlib").exists());
}
