use std::fmt::Write;

use crate::row::Row;
use crate::rows;
use crate::verdict::Verdict;

/// The page that lists all directives with their verdicts, in Markdown, made from the table that converts them.
///
/// ```
/// assert!(propylon_nginx_conf::reference().contains("| `proxy_read_timeout` |"));
/// ```
#[must_use]
pub fn reference() -> String {
    let mut page = String::from(INTRODUCTION);
    for (title, rows) in rows::GROUPS {
        // Writing to a String cannot fail.
        let _ = write!(
            page,
            "\n## {title}\n\n| directive | in | verdict | key | remark |\n|---|---|---|---|---|\n"
        );
        rows.iter().for_each(|row| line(&mut page, row));
    }
    page
}

const INTRODUCTION: &str = "# nginx.conf

`propylon import nginx.conf -o propylon.toml` converts an nginx.conf, `propylon run --nginx-conf nginx.conf --prefix /etc/nginx` runs one
as it is, and `check` and `explain` take it as well. `propylon import nginx.conf -d DIR` writes several files, as the nginx.conf was:
`propylon.toml` includes the others, `sites/NAME.toml` for each included file with servers, upstreams, maps or zones. Every directive has a verdict:

- **exact**: it means here what it means in nginx;
- **different**: the same request gives the same answer, but sizes, counts or timing are not as in nginx;
- **refused**: it cannot be converted. `import` leaves a comment in its place and ends with code 1; `run` does not start. To say `off` is fine.

What nginx does without a directive is written into the result where Propylon's own default is another: no resolver, error pages and the
field Server in nginx's style, the log `logs/access.log`, one worker, no budget for retries. Relative paths are as in nginx: certificates and
includes are against the directory of the nginx.conf, everything else is against the prefix.

Each server of `stream` is a `[[stream]]`, into which what `stream` says is written. `http` and `stream` name upstreams, variables, formats and
zones independently of one another, here the names are one: where both have one, and it is not the same thing, that of `stream` is `stream_NAME`.

`include` works everywhere, with patterns.
";

fn line(page: &mut String, row: &Row) {
    let verdict = match row.verdict {
        Verdict::Exact => "exact",
        Verdict::Different => "different",
        Verdict::Refused => "refused",
    };
    let key = match row.key() {
        key if key.is_empty() => String::new(),
        key => format!("`{}`", key.replace(", ", "`, `")),
    };
    let _ = writeln!(
        page,
        "| `{}` | {} | {verdict} | {key} | {} |",
        row.name,
        row.contexts,
        row.note.replace('|', "\\|")
    );
}
