//! Configurations of several files.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use std::fs;
use std::path::Path;

use propylon_config::{Loaded, Report, load};

const SITE: &str = "[[server]]\nlisten = [\"8080\"]\nname = [\"NAME.test\"]\nreturn = [200, \"NAME\"]\n";

/// Reads the first of these files.
fn loaded(directory: &Path, files: &[(&str, &str)]) -> Result<Loaded, Report> {
    for (name, text) in files {
        let path = directory.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    load(&directory.join(files[0].0))
}

/// What is wrong, with no word of where the files are.
fn wrong(files: &[(&str, &str)]) -> String {
    let directory = tempfile::tempdir().unwrap();
    let report = loaded(directory.path(), files).unwrap_err();
    report.render(false).replace(&format!("{}/", directory.path().display()), "")
}

fn site(name: &str) -> String {
    SITE.replace("NAME", name)
}

#[test]
fn servers_and_named_tables_are_joined() {
    let directory = tempfile::tempdir().unwrap();
    let main =
        "include = [\"sites/*.toml\", \"last.toml\"]\n[defaults]\nserver_tokens = false\n[upstream.one]\n\
                server = [{ address = \"127.0.0.1:1\" }]\n"
            .to_owned()
            + &site("main");
    let second = "[upstream.two]\nserver = [{ address = \"127.0.0.1:2\" }]\n# of b\n".to_owned()
        + &site("b")
        + "[runtime]\nworkers = 3\n";
    let files = [
        ("propylon.toml", &*main),
        ("sites/b.toml", &second),
        ("sites/a.toml", &site("a")),
        ("sites/.hidden.toml", "nonsense"),
        ("sites/c.txt", "nonsense"),
        ("last.toml", "[upstream]\nthree.server = [{ address = \"127.0.0.1:3\" }]"),
    ];
    let config = loaded(directory.path(), &files).unwrap().config;
    let names: Vec<_> = config.servers.iter().map(|server| server.names[0].as_str()).collect();
    assert_eq!(names, ["main.test", "a.test", "b.test"]);
    assert_eq!(config.upstreams.keys().map(|name| &**name).collect::<Vec<_>>(), ["one", "two", "three"]);
    let named = |index: usize| config.source.line_of(config.servers[index].names[0].span);
    assert_eq!(named(0), "line 8");
    assert_eq!(named(1), format!("{}:3", directory.path().join("sites/a.toml").display()));
    assert_eq!(named(2), format!("{}:6", directory.path().join("sites/b.toml").display()));
    let shown = config.dump();
    assert!(shown.contains("server_tokens = false # line 3, [defaults]"), "{shown}");
    assert_eq!(config.listeners.len(), 1);
}

#[test]
fn a_file_is_read_once_and_a_pattern_may_fit_none() {
    let directory = tempfile::tempdir().unwrap();
    let main = "include = [\"*.toml\", \"a.toml\", \"./a.toml\", \"nowhere/*.toml\", \"[x]*\"]\n".to_owned()
        + &site("main");
    let config =
        loaded(directory.path(), &[("propylon.toml", &main), ("a.toml", &site("a"))]).unwrap().config;
    assert_eq!(config.servers.len(), 2);
}

#[test]
fn all_that_is_wrong_is_told_where_it_stands() {
    let main = "include = [\"gone.toml\", \"a.toml\", \"b.toml\"]\n[runtime]\nworkers = 1\n[upstream.one]\n\
                server = [{ address = \"127.0.0.1:1\" }]\n";
    let one =
        "include = [\"more.toml\"]\n[[server]]\nlisten = [\"8080\"]\nlocatoin = []\n[runtime]\nworkers = 2\n";
    let two = "[[server]]\nlisten = [\"8080\"]\nname = = \"a.test\"\nreturn = [200, 7]\n";
    let wrong = wrong(&[("propylon.toml", main), ("a.toml", one), ("b.toml", two)]);
    let expected = "\
error: the included file gone.toml cannot be read: No such file or directory (os error 2)
 --> propylon.toml:1:12
  |
1 | include = [\"gone.toml\", \"a.toml\", \"b.toml\"]
  |            ^^^^^^^^^^^ included here

error: an included file cannot include other files
 --> a.toml:1:1
  |
1 | include = [\"more.toml\"]
  | ^^^^^^^ expected in the main configuration file

error: unknown key `locatoin`
 --> a.toml:4:1
  |
4 | locatoin = []
  | ^^^^^^^^ not in `server`
  |
  = help: did you mean `location`?

error: `runtime` is defined in two files
 --> a.toml:5:2
  |
5 | [runtime]
  |  ^^^^^^^ expected in only one file
  |
 ::: propylon.toml:2:2
  |
2 | [runtime]
  |  ------- first defined here
";
    assert!(wrong.starts_with(expected), "{wrong}");
    let syntax = "error: invalid TOML: extra `=`\n --> b.toml:3:8\n";
    assert!(wrong.contains(syntax) && wrong.contains(" --> b.toml:4:"), "{wrong}");
}

#[test]
fn a_name_is_in_one_file_and_servers_of_others_are_known() {
    let main = "include = [\"a.toml\"]\n[upstream.one]\nserver = [{ address = \"127.0.0.1:1\" }]\n"
        .to_owned()
        + &site("a");
    let other = "# more\n[upstream.one]\nserver = [{ address = \"127.0.0.1:2\" }]\n".to_owned() + &site("a");
    let wrong = wrong(&[("propylon.toml", &main), ("a.toml", &other)]);
    assert!(wrong.contains("error: `upstream.one` is defined in two files\n --> a.toml:2:11\n"), "{wrong}");
    assert!(wrong.contains(" ::: propylon.toml:2:11\n"), "{wrong}");
    let warning = "warning: the server name \"a.test\" on 0.0.0.0:8080 is already used by another server\n --> a.toml:6:9\n";
    assert!(wrong.contains(warning) && wrong.contains(" ::: propylon.toml:6:9\n"), "{wrong}");
    assert!(wrong.ends_with("1 error, 1 warning\n"), "{wrong}");
}

#[test]
fn what_cannot_be_included_is_told() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("latin.toml"), b"# \xe4\n").unwrap();
    let report = loaded(
        directory.path(),
        &[("propylon.toml", "include = [\"latin.toml\", \".\", 1]\n[[server]]\nreturn = [204]\n")],
    );
    let told: Vec<_> = report.unwrap_err().diagnostics().iter().map(|one| one.message.clone()).collect();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[0].ends_with("latin.toml cannot be read: the file is not UTF-8"), "{told:?}");
    assert!(told[1].contains("cannot be read: Is a directory"), "{told:?}");
    assert!(told[2].contains("cannot be an integer"), "{told:?}");
    let report = propylon_config::parse("include = [\"a.toml\"]\n", "text").unwrap_err();
    let message = "`include` requires a configuration that is read from a file";
    assert_eq!(report.diagnostics()[0].message, message);
}

/// What is missing at the end of a file is missing in that one, and not in the next.
#[test]
fn the_end_of_a_file_is_its_own() {
    let main = "include = [\"a.toml\", \"b.toml\"]\n".to_owned() + &site("main");
    for end in ["", "\n", "\n\n"] {
        for open in ["listen = [\"8080\",", "# \nlisten = \"\"\"80"] {
            let open = format!("[[server]]\n{open}{end}");
            let wrong = wrong(&[("propylon.toml", &main), ("a.toml", &open), ("b.toml", &site("b"))]);
            assert!(wrong.contains(" --> a.toml:") && !wrong.contains(" --> b.toml:"), "{open:?}: {wrong}");
        }
    }
}
