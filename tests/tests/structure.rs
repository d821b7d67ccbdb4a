//! The rules of the workspace's structure: who depends on whom, how large a file may be, what every crate has.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};
use propylon_tests::{check, lossy, workspace};

/// The crate DAG: each crate, and what it may depend on. Names without `propylon-`.
const DAG: &[(&str, &[&str])] = &[
    ("exchange", &[]),
    ("pattern", &[]),
    ("proxy-protocol", &[]),
    ("conditions", &[]),
    ("page-cache", &[]),
    ("stack", &[]),
    ("headers", &[]),
    ("cookie", &[]),
    ("userid", &[]),
    ("redirect", &[]),
    ("timeout", &[]),
    ("limit", &[]),
    ("keyval", &[]),
    ("geoip", &[]),
    ("buffer", &[]),
    ("retry", &[]),
    ("balance", &[]),
    ("error-page", &[]),
    ("charset", &[]),
    ("substitute", &[]),
    ("compression", &[]),
    ("detach", &[]),
    ("store", &[]),
    ("slice", &["conditions"]),
    ("force-ranges", &["conditions"]),
    ("files", &["page-cache"]),
    ("dav", &[]),
    ("tunnel", &[]),
    ("stream", &[]),
    ("tls", &[]),
    ("acme", &[]),
    ("trace", &[]),
    ("h1", &[]),
    ("h3", &[]),
    ("upstream", &["exchange", "h1", "cgi", "fastcgi", "memcached"]),
    // Params and heads of responses, which are CGI's whatever carries them.
    ("fastcgi", &["cgi"]),
    ("cgi", &[]),
    // How connections are read and written, and who gets them back.
    ("memcached", &["cgi"]),
    ("cache", &["conditions", "page-cache"]),
    // Implements the cache's trait for a second tier, and brings what a network client needs: not every cache is to.
    ("cache-redis", &["cache"]),
    ("resolver", &[]),
    ("vars", &["exchange", "pattern", "proxy-protocol"]),
    ("access", &[]),
    ("auth-request", &[]),
    ("auth-jwt", &[]),
    // ID tokens are what it is about: keys, signatures and what tokens say are read in one place.
    ("auth-oidc", &["auth-jwt"]),
    ("mirror", &[]),
    ("addition", &[]),
    ("ssi", &[]),
    ("access-log", &["exchange", "vars"]),
    ("config", &["vars", "pattern"]),
    ("nginx-conf", &["config"]),
    ("gateway", &["*"]),
    ("admin", &["config", "gateway"]),
    ("propylon", &["config", "nginx-conf", "gateway", "admin"]),
    ("testkit", &[]),
    ("tests", &["*"]),
];

/// Above the layers and leaves: these may know of configuration. For all others it does not exist.
const ABOVE: [&str; 6] = ["config", "nginx-conf", "gateway", "admin", "propylon", "tests"];

/// What is no layer, service or connector by itself: vocabulary, engines, and what stands above.
const NO_LAYERS: [&str; 16] = [
    "exchange",
    "stack",
    "pattern",
    "conditions",
    "page-cache",
    "proxy-protocol",
    "vars",
    "h1",
    "h3",
    "testkit",
    "config",
    "nginx-conf",
    "gateway",
    "admin",
    "propylon",
    "tests",
];

/// What belongs to configuration and to the process, not to a layer.
const NOT_IN_LAYERS: [&str; 9] = [
    "serde",
    "serde_json",
    "toml",
    "toml_edit",
    "schemars",
    "anyhow",
    "clap",
    "tracing-subscriber",
    "async-trait",
];

/// What a crate is about all the same: tokens are JSON, and so are providers' answers and state files; values of databases come by serde's
/// traits.
const IN_LAYERS: [(&str, &str); 4] =
    [("auth-jwt", "serde_json"), ("auth-oidc", "serde_json"), ("keyval", "serde_json"), ("geoip", "serde")];

const BANNED: [&str; 4] = ["ring", "openssl", "openssl-sys", "native-tls"];

/// Crates that are there in two versions, and why nothing can be done about it here.
const DUPLICATES: &[(&str, &str)] = &[
    ("base64", "instant-acme and jsonwebtoken are on 0.22"),
    ("untrusted", "aws-lc-rs, as instant-acme wants it, is on 0.7, webpki on 0.9"),
    ("syn", "the macros of asn1-rs, which x509-parser needs, are on syn 2; it is not in the binary"),
    ("synstructure", "the same"),
];

const LICENCES: [&str; 12] = [
    "MIT",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "BSL-1.0",
    "Unicode-3.0",
    "Unlicense",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
];

const HEADINGS: [&str; 6] =
    ["## Example", "## What it does", "## What it does not", "## nginx", "## Errors", "## Cost"];

const SOURCE_LINES: usize = 450;
const TEST_LINES: usize = 600;

#[test]
fn crates_depend_only_downwards() {
    let table: BTreeMap<_, _> = DAG.iter().copied().collect();
    let mut wrong = Vec::new();
    for package in members() {
        let name = short(&package.name);
        let allowed = table.get(name).unwrap_or_else(|| panic!("{name} is not in the table of crates"));
        for dependency in package.dependencies.iter().filter(|dependency| dependency.path.is_some()) {
            let to = short(&dependency.name);
            let testkit = to == "testkit" && dependency.kind == DependencyKind::Development;
            let any = allowed.contains(&"*") && !ABOVE[2..].contains(&to) && to != "testkit";
            if !(testkit || any || allowed.contains(&to)) {
                wrong.push(format!("{name} -> {to} ({})", dependency.kind));
            }
        }
    }
    assert!(wrong.is_empty(), "edges that the architecture does not have: {wrong:#?}");
}

#[test]
fn layers_know_nothing_of_configuration() {
    let mut wrong = Vec::new();
    for package in members().filter(|package| !ABOVE.contains(&short(&package.name))) {
        let normal =
            package.dependencies.iter().filter(|dependency| dependency.kind != DependencyKind::Development);
        let bad = normal.filter(|dependency| {
            let name = dependency.name.as_str();
            NOT_IN_LAYERS.contains(&name) && !IN_LAYERS.contains(&(short(&package.name), name))
        });
        wrong.extend(bad.map(|dependency| format!("{} -> {}", package.name, dependency.name)));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn files_fit_in_a_head() {
    let mut wrong = Vec::new();
    for package in members() {
        let root = package.manifest_path.parent().unwrap();
        for (part, limit) in
            [("src", SOURCE_LINES), ("tests", TEST_LINES), ("examples", TEST_LINES), ("benches", TEST_LINES)]
        {
            for file in files(root.join(part).as_std_path(), "rs") {
                let lines = fs::read_to_string(&file).unwrap().lines().count();
                if lines > limit {
                    wrong.push(format!("{}: {lines} lines, at most {limit}", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_crate_has_the_workspaces_lints_and_metadata() {
    for package in members() {
        let manifest = fs::read_to_string(&package.manifest_path).unwrap();
        if short(&package.name) == "h1" {
            assert!(
                manifest.contains(&lints_but_unsafe()),
                "{}: the workspace's lints, `unsafe` denied",
                package.name
            );
        } else {
            assert!(
                manifest.contains("[lints]\nworkspace = true"),
                "{}: [lints] workspace = true",
                package.name
            );
        }
        assert!(package.description.is_some(), "{} has no description", package.name);
        assert_eq!(package.license.as_deref(), Some("MIT OR Apache-2.0"), "{}", package.name);
        let directory = package.manifest_path.parent().unwrap().file_name().unwrap();
        assert_eq!(short(&package.name), directory, "the directory has the crate's name");
    }
}

/// The lints of the workspace for a crate with a module that is let have `unsafe`.
fn lints_but_unsafe() -> String {
    let manifest = fs::read_to_string(workspace().join("Cargo.toml")).unwrap();
    let (_, lints) = manifest.split_once("[workspace.lints.rust]").unwrap();
    let (lints, _) = lints.split_once("\n# ").unwrap();
    let lints = format!("[lints.rust]{}", lints.trim_end());
    lints
        .replace("[workspace.lints.", "[lints.")
        .replace("unsafe_code = \"forbid\"", "unsafe_code = \"deny\"")
}

/// One module of one crate has `unsafe`, and says why.
#[test]
fn unsafe_is_where_it_is_proved() {
    let source = |package: &Package| package.manifest_path.parent().unwrap().join("src");
    let sources = members().flat_map(|package| files(source(package).as_std_path(), "rs"));
    let words = ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern", "(unsafe_code"];
    let code =
        |line: &str| line.split("//").next().is_some_and(|code| words.iter().any(|word| code.contains(word)));
    let has = |path: &PathBuf| fs::read_to_string(path).unwrap().lines().any(code);
    let found: Vec<_> = sources.filter(has).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].ends_with("crates/h1/src/proto/trusted.rs"));
}

/// In the README, which its users see first, and in the crate's documentation.
#[test]
fn every_crate_is_documented_under_the_fixed_headings() {
    let mut wrong = Vec::new();
    for package in
        members().filter(|package| !["propylon", "tests", "testkit"].contains(&short(&package.name)))
    {
        let root = package.manifest_path.parent().unwrap();
        let readme = fs::read_to_string(root.join("README.md")).unwrap_or_default();
        let source = fs::read_to_string(root.join("src/lib.rs")).unwrap();
        let included = source.contains("include_str!(\"../README.md\")");
        let docs: String = source
            .lines()
            .filter_map(|line| line.strip_prefix("//! "))
            .fold(String::new(), |a, b| a + b + "\n");
        for (file, text) in [("README.md", &readme), ("src/lib.rs", if included { &readme } else { &docs })] {
            let headings: Vec<_> = text.lines().filter(|line| line.starts_with("## ")).collect();
            if headings != HEADINGS {
                wrong.push(format!("{}: {file}: {headings:?}", package.name));
            }
        }
        if !readme.starts_with(&format!("# {}\n", package.name)) {
            wrong.push(format!("{}: README.md begins with # and the name", package.name));
        }
    }
    assert!(wrong.is_empty(), "expected {HEADINGS:?}:\n{wrong:#?}");
}

/// Whoever wants one layer in a service of their own sees how.
#[test]
fn every_layer_has_an_example_of_standing_alone() {
    let mut wrong = Vec::new();
    for package in members().filter(|package| !NO_LAYERS.contains(&short(&package.name))) {
        let path = package.manifest_path.parent().unwrap().join("examples/standalone.rs");
        let text = fs::read_to_string(&path).unwrap_or_default();
        if !text.contains("async fn main()")
            || !text.contains(&format!("use {}::", package.name.replace('-', "_")))
        {
            wrong.push(format!("{path}: a program that uses the crate alone"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn nothing_banned_and_only_known_licences_are_shipped() {
    let mut wrong = Vec::new();
    for package in shipped() {
        let name = package.name.as_str();
        let licence = package.license.clone().unwrap_or_default();
        if BANNED.contains(&name) {
            wrong.push(format!("{name} is banned"));
        } else if !allows(&licence) {
            wrong.push(format!("{name}: licence {licence:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn nothing_is_shipped_twice() {
    let mut versions = BTreeMap::<_, BTreeSet<_>>::new();
    for package in shipped() {
        versions.entry(package.name.to_string()).or_default().insert(package.version.clone());
    }
    versions.retain(|_, versions| versions.len() > 1);
    for (name, reason) in DUPLICATES {
        assert!(versions.remove(*name).is_some(), "{name} is there once; it was twice because: {reason}");
    }
    assert!(versions.is_empty(), "{versions:#?}");
}

/// What a reader copies from the documentation must load: exit code 0, or 2 when only this machine lacks something.
#[test]
fn every_configuration_in_the_documentation_loads() {
    let mut texts = Vec::new();
    let pages = fs::read_dir(workspace()).unwrap().map(|entry| entry.unwrap().path());
    let pages = pages.filter(|path| path.extension().is_some_and(|end| end == "md"));
    for page in pages.chain(files(&workspace().join("docs"), "md")) {
        let text = fs::read_to_string(&page).unwrap();
        texts.extend(
            blocks(&text).into_iter().map(|(line, block)| (format!("{}:{line}", page.display()), block)),
        );
    }
    for file in files(&workspace().join("deploy"), "toml") {
        texts.push((file.display().to_string(), fs::read_to_string(&file).unwrap()));
    }
    assert!(texts.iter().any(|(name, _)| name.contains("README.md")), "the README shows no configuration");
    assert!(texts.iter().any(|(name, _)| name.contains("deploy")), "deploy/ holds no configuration");
    for (name, text) in texts {
        let output = check(&text);
        assert!(matches!(output.status.code(), Some(0 | 2)), "{name}: {}", lossy(&output.stderr));
    }
}

/// Links from a page to a file of the repository lead to one.
#[test]
fn links_of_pages_lead_to_files() {
    let root = fs::read_dir(workspace()).unwrap().map(|entry| entry.unwrap().path());
    let (inner, mut pages): (Vec<_>, Vec<_>) = root.partition(|path| path.is_dir());
    pages.retain(|path| path.extension().is_some_and(|end| end == "md"));
    pages.extend(inner.iter().filter(|path| !path.ends_with("target")).flat_map(|path| files(path, "md")));
    let (mut links, mut wrong) = (0, Vec::new());
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
        for link in targets.filter(|link| !link.contains("://")) {
            links += 1;
            if !page.parent().unwrap().join(link).exists() {
                wrong.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(links > 30 && wrong.is_empty(), "of {links}: {wrong:#?}");
}

/// The test of the tests: the helpers above find what they should.
#[test]
fn helpers_find_what_they_should() {
    assert_eq!(blocks("a\n```toml\nb = 1\n```\n```sh\nls\n```\n"), [(2, "b = 1\n".to_owned())]);
    assert!(
        allows("MIT OR Apache-2.0")
            && allows("GPL-3.0 OR MIT")
            && allows("(MIT OR Apache-2.0) AND Unicode-3.0")
    );
    assert!(allows("MIT/Apache-2.0") && !allows("GPL-3.0") && !allows("MIT AND GPL-3.0") && !allows(""));
    assert!(shipped().iter().any(|package| package.name.as_str() == "hyper"));
    assert!(
        !shipped().iter().any(|package| package.name.as_str() == "proptest"),
        "dev-dependencies are not shipped"
    );
}

fn metadata() -> &'static Metadata {
    static METADATA: OnceLock<Metadata> = OnceLock::new();
    METADATA.get_or_init(|| {
        let mut command = MetadataCommand::new();
        command.manifest_path(workspace().join("Cargo.toml"));
        command.other_options(["--filter-platform".to_owned(), "x86_64-unknown-linux-gnu".to_owned()]);
        command.exec().expect("cargo metadata")
    })
}

fn members() -> impl Iterator<Item = &'static Package> {
    metadata().workspace_packages().into_iter()
}

fn short(name: &str) -> &str {
    name.strip_prefix("propylon-").unwrap_or(name)
}

/// What the binary is made of, and what builds it: everything but dev-dependencies.
/// As `cargo tree` resolves them: what `cargo metadata` lists has more features than are built.
fn shipped() -> Vec<&'static Package> {
    let arguments = [
        "tree",
        "-p",
        "propylon",
        "-e",
        "normal,build",
        "--prefix",
        "none",
        "--format",
        "{p}",
        "--locked",
        "--offline",
    ];
    let output =
        Command::new(env!("CARGO")).args(arguments).current_dir(workspace()).output().expect("cargo tree");
    assert!(output.status.success(), "{}", lossy(&output.stderr));
    let text = lossy(&output.stdout);
    let built: BTreeSet<(&str, &str)> = text
        .lines()
        .filter_map(|line| {
            let (name, rest) = line.split_once(" v")?;
            Some((name, rest.split(' ').next()?))
        })
        .collect();
    let packages = metadata().packages.iter();
    packages
        .filter(|package| built.contains(&(package.name.as_str(), &*package.version.to_string())))
        .collect()
}

/// Whether a licence expression is satisfied by the list: of each part joined by AND one alternative.
fn allows(expression: &str) -> bool {
    let expression = expression.replace(['(', ')'], "").replace('/', " OR ");
    expression.split(" AND ").all(|part| part.split(" OR ").any(|licence| LICENCES.contains(&licence.trim())))
}

fn files(directory: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|end| end == extension) {
            found.push(path);
        }
    }
    found
}

/// The fenced blocks of TOML in a page, each with the line of its fence.
fn blocks(page: &str) -> Vec<(usize, String)> {
    let (mut blocks, mut open) = (Vec::new(), None::<(usize, String, bool)>);
    for (number, line) in page.lines().enumerate() {
        match (&mut open, line.trim().strip_prefix("```")) {
            (None, Some(language)) => open = Some((number + 1, String::new(), language == "toml")),
            (Some((at, text, toml)), Some(_)) => {
                blocks.extend(toml.then(|| (*at, std::mem::take(text))));
                open = None;
            }
            (Some((_, text, _)), None) => text.extend([line, "\n"]),
            (None, None) => {}
        }
    }
    blocks
}
