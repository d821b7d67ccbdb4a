//! `propylon fmt`.

use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;

use crate::args;

/// What stands for standard input.
const STDIN: &str = "-";

/// Lays configurations out anew, or tells which are not laid out so.
///
/// # Errors
/// When a file cannot be read or written.
pub(crate) fn fmt(args: &args::Fmt) -> anyhow::Result<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    for path in &args.files {
        let name = path.display();
        let text = read(path).with_context(|| format!("cannot read {name}"))?;
        let formatted = match propylon_config::format(&text, &name.to_string()) {
            Ok(formatted) => formatted,
            Err(report) => {
                crate::say(&report.render(false));
                code = ExitCode::FAILURE;
                continue;
            }
        };
        if args.check {
            if formatted != text {
                crate::say(&format!("{name} is not formatted"));
                code = ExitCode::FAILURE;
            }
        } else if path.as_os_str() == STDIN {
            crate::print(&formatted)?;
        } else if formatted != text {
            write(path, &formatted).with_context(|| format!("cannot write {name}"))?;
        }
    }
    Ok(code)
}

fn read(path: &Path) -> std::io::Result<String> {
    if path.as_os_str() != STDIN {
        return std::fs::read_to_string(path);
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    Ok(text)
}

/// The whole of it or nothing: beside the file, with its rights, and then in its place.
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    // A link stays one.
    let path = path.canonicalize()?;
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut new = tempfile::NamedTempFile::new_in(directory)?;
    std::io::Write::write_all(&mut new, text.as_bytes())?;
    new.as_file().set_permissions(path.metadata()?.permissions())?;
    new.persist(&path)?;
    Ok(())
}
