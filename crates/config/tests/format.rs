//! The layout of configurations.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::path::Path;

use propylon_config::format;

fn check(text: &str, expected: &str) {
    let formatted = format(text, "a.toml").unwrap();
    assert_eq!(formatted, expected);
    assert_eq!(format(&formatted, "a.toml").unwrap(), expected, "it changes no more");
}

#[test]
fn blank_lines_and_indentation() {
    check("", "");
    check("\n\n# only a comment", "# only a comment\n");
    check("a=1\n\n\n\nb = 2\n", "a = 1\n\nb = 2\n");
    check(
        "\n\n  # a\n\n\n  [ one ]  # beside\n   key  =  1\n[two]\n[[three]]\n\t[three.four]\n",
        "# a\n\n[one]  # beside\nkey = 1\n\n[two]\n\n[[three]]\n\n[three.four]\n",
    );
    check(
        "[a]\nb = 1\n# of c\n[c]\nd = 1\n\n\n# the end\n\n",
        "[a]\nb = 1\n\n# of c\n[c]\nd = 1\n\n# the end\n",
    );
    check("[a]\r\nb = 1\r\n\r\n\r\nc = 2\r\n", "[a]\nb = 1\n\nc = 2\n");
}

#[test]
fn keys_and_comments() {
    check(
        "timeout . read='5s'\n  # why\n\"Odd key\" =   \"\"\"\n  text\n\"\"\"   # end\n",
        "timeout.read = '5s'\n# why\n\"Odd key\" = \"\"\"\n  text\n\"\"\"   # end\n",
    );
    check("a = 1# close\nlong = 2          # aligned  \n", "a = 1 # close\nlong = 2          # aligned\n");
    check(
        "headers.set.\"X-A\" = \"1\"\n# two\nheaders.set.B   = '2'\n",
        "headers.set.\"X-A\" = \"1\"\n# two\nheaders.set.B = '2'\n",
    );
}

#[test]
fn lists() {
    check("a = [1,2 , 3,]\nb=[ ]\n", "a = [1, 2, 3]\nb = []\n");
    check("a = [\n1,\n      2]\n", "a = [\n    1,\n    2,\n]\n");
    check(
        "s = [{address='a',weight=5},{ address  = 'b' , x.y=[ 1,2 ] }]\ne = {}\n",
        "s = [{ address = 'a', weight = 5 }, { address = 'b', x.y = [1, 2] }]\ne = {}\n",
    );
    let (one, two) = ("o".repeat(50), "t".repeat(50));
    check(
        &format!("a = ['{one}', '{two}'] # wide\n"),
        &format!("a = [\n    '{one}',\n    '{two}',\n] # wide\n"),
    );
    check(&format!("a = ['{one}{two}']\n"), &format!("a = ['{one}{two}']\n"));
    // The names before it count, and a list by itself would fit.
    let (one, two) = ("o".repeat(38), "t".repeat(38));
    check(
        &format!("headers.hide_these = ['{one}', '{two}']\n"),
        &format!("headers.hide_these = [\n    '{one}',\n    '{two}',\n]\n"),
    );
    check(&format!("hide_these = ['{one}', '{two}']\n"), &format!("hide_these = ['{one}', '{two}']\n"));
    // Where there are comments inside, nothing is moved.
    let commented = "a = [ 1, # one\n  2 ]\nb = { c = 1 }\n";
    check(commented, commented);
}

#[test]
fn what_is_no_toml_is_told_all_at_once() {
    let report = format("a = = 1\nb = 2\nc = = 3\n", "a.toml").unwrap_err();
    let told: Vec<_> = report.diagnostics().iter().map(|one| (one.line, &*one.message)).collect();
    assert_eq!(told, [(1, "invalid TOML: extra `=`"), (3, "invalid TOML: extra `=`")]);
}

/// Configurations mean what they meant, comments are all there, and a second time changes nothing.
#[test]
fn nothing_is_lost() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/good");
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/propylon.toml");
    let files = fs::read_dir(tests).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<_> =
        files.chain([deploy]).filter(|path| path.extension().is_some_and(|end| end == "toml")).collect();
    assert!(files.len() > 3, "{files:?}");
    for path in files {
        let name = path.display().to_string();
        let text = fs::read_to_string(&path).unwrap();
        let formatted = format(&text, &name).unwrap();
        assert_eq!(formatted.parse::<toml_edit::DocumentMut>().unwrap().to_string(), formatted);
        let value = |text: &str| toml::from_str::<toml::Table>(text).unwrap();
        assert_eq!(value(&formatted), value(&text), "{name}");
        let words = |text: &str| text.matches('#').count();
        assert_eq!(words(&formatted), words(&text), "{name}");
        assert_eq!(format(&formatted, &name).unwrap(), formatted, "{name}");
    }
}
