//! What steps do to a request, as far as the configuration alone tells.

use bytes::Bytes;
use propylon_config::{Piece, Rewrite, Source, Spanned, Step, Then};
use propylon_redirect::Replacement;

use crate::routing::{Path, Pattern};

/// What the steps of a place lead to.
pub(super) enum Led {
    /// The place goes on, with this URI.
    Serve(Path),
    /// A location is searched for another URI.
    Search(Path),
    /// They answer.
    Answer,
}

/// What a rewrite makes of a URI.
enum Rewritten {
    No,
    /// Variables or the like tell.
    PerRequest,
    /// The client is sent elsewhere.
    Redirect,
    To(Path),
}

/// Lists the steps that are taken before a location is searched, or before its action, and follows them.
pub(super) fn steps(
    lines: &mut Vec<String>,
    source: &Source,
    whose: &str,
    steps: &[Spanned<Step>],
    mut path: Path,
) -> Led {
    let (mut changed, mut per_request) = (false, false);
    for step in steps {
        let (mut last, mut answers) = (false, false);
        let what = match &step.value {
            Step::Rewrite(rewrite) => {
                let what = format!("rewrite {}", rewrite.pattern.value);
                match rewritten(rewrite, &path) {
                    _ if per_request => what,
                    Rewritten::No => format!("{what}: does not match"),
                    Rewritten::PerRequest => {
                        per_request = true;
                        what
                    }
                    Rewritten::Redirect => {
                        answers = true;
                        format!("{what}: a redirect answers")
                    }
                    Rewritten::To(to) => {
                        last = rewrite.then != Then::Next;
                        changed = rewrite.then != Then::Break;
                        path = if changed { to } else { to.pinned() };
                        format!("{what}: the URI is {}", shown(&path))
                    }
                }
            }
            Step::Set { name, value } => {
                per_request |= &**name == "args";
                format!("set ${name} \"{}\"", value.source())
            }
            Step::If(step) => {
                per_request |= step.location.is_some() || step.then.iter().any(|step| decides(&step.value));
                match &step.location {
                    Some(location) => format!("if, {} steps, then by {}", step.then.len(), location.value),
                    None => format!("if, {} steps", step.then.len()),
                }
            }
            Step::Return(_) => {
                answers = !per_request;
                if answers { "return answers".to_owned() } else { "return".to_owned() }
            }
            Step::Break => {
                last = !per_request;
                if last && std::mem::take(&mut changed) {
                    path = path.pinned();
                }
                "break".to_owned()
            }
        };
        lines.push(format!("step      the {whose}, {}: {what}", source.line_of(step.span)));
        if answers {
            return Led::Answer;
        }
        if last {
            break;
        }
    }
    if per_request {
        let uri = shown(&path);
        lines.push(format!(
            "          determined per request; the following applies if the URI is still {uri}"
        ));
    }
    if changed { Led::Search(path) } else { Led::Serve(path) }
}

/// Whether a step of a condition leads elsewhere.
fn decides(step: &Step) -> bool {
    match step {
        Step::Set { name, .. } => &**name == "args",
        Step::If(step) => step.location.is_some() || step.then.iter().any(|step| decides(&step.value)),
        Step::Rewrite(_) | Step::Return(_) | Step::Break => true,
    }
}

fn rewritten(rewrite: &Rewrite, path: &Path) -> Rewritten {
    let Ok(pattern) = Pattern::new(&rewrite.pattern.value) else { return Rewritten::PerRequest };
    let Some(found) = pattern.find(path.decoded()) else { return Rewritten::No };
    if matches!(rewrite.then, Then::Redirect(_)) {
        return Rewritten::Redirect;
    }
    let mut replacement = Replacement::default();
    for piece in &rewrite.replacement {
        match piece {
            Piece::Template(text) => match text.as_static() {
                Some(text) => replacement.text(text),
                None => return Rewritten::PerRequest,
            },
            Piece::QuestionMark => replacement.question_mark(),
            Piece::Capture(number) => {
                let text = found.get(usize::from(*number)).unwrap_or_default();
                replacement.capture(&text, path.has_quotes_or_plus());
            }
        }
    }
    let kept = path.args().filter(|_| rewrite.keeps_args).map(|args| &**args);
    let (uri, args) = replacement.uri(kept);
    if uri.is_empty() {
        return Rewritten::PerRequest;
    }
    Rewritten::To(path.clone().rewritten(uri.into(), args.map(Bytes::from)))
}

fn shown(path: &Path) -> String {
    let uri = String::from_utf8_lossy(path.decoded());
    path.args().map_or_else(|| uri.to_string(), |args| format!("{uri}?{}", String::from_utf8_lossy(args)))
}
