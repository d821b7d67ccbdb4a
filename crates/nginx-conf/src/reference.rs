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

`propylon import nginx.conf -o propylon.toml` converts an nginx.conf; `propylon run --nginx-conf nginx.conf --prefix /etc/nginx` runs one
without converting it first, and `check` and `explain` accept one as well. `propylon import nginx.conf -d DIR` keeps the division into files:
`propylon.toml` includes the others, and each included file with servers, upstreams, maps or zones becomes `sites/NAME.toml`. Every directive has
a verdict:

- **exact**: it has the same meaning as in nginx;
- **different**: requests get the same answers, but sizes, counts or timing differ from nginx;
- **refused**: it cannot be converted. `import` leaves a comment in its place and exits with code 1; `run` does not start. With the value `off`
  such a directive is accepted.

Where nginx's default differs from Propylon's, nginx's is written into the result: no resolver, error pages and the field Server in nginx's
style, the log `logs/access.log`, one worker, no retry budget. Relative paths are resolved as in nginx: those of certificates and includes
against the directory of the nginx.conf, all others against the prefix.

Each server of `stream` becomes a `[[stream]]`, which also gets the settings of the `stream` block. In nginx, `http` and `stream` have separate
names for upstreams, variables, formats and zones; here they share them. If both use a name for different things, that of `stream` becomes
`stream_NAME`.

`include` works everywhere, also with patterns.
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
