//! nginx's rewrite phases: the steps of a server or a location, taken for a request.

use std::ffi::OsStr;
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, StatusCode};
use propylon_acme::{ANSWER_TYPE, Challenges, WELL_KNOWN};
use propylon_config::{self as config, Condition, Piece, Spanned, Template, Test, Then};
use propylon_exchange::{Exchange, Head};
use propylon_redirect::Replacement;

use crate::error::BuildError;
use crate::error_log;
use crate::route::{Found, Respond, Site, set_rate};
use crate::router::{Location, captures};
use crate::routing::{Path, Pattern};

/// The steps of a place.
pub(crate) struct Steps(Box<[Step]>);

enum Step {
    /// Whoever asks for a pending challenge of ACME is answered.
    Acme(Challenges),
    Rewrite(Pattern, Box<config::Rewrite>),
    Set(Box<str>, Template),
    If(Box<If>),
    Return(Respond),
    Break,
}

struct If {
    condition: Condition,
    pattern: Option<Pattern>,
    then: Steps,
    location: Option<Arc<Location>>,
}

/// What the steps lead to.
pub(crate) enum Outcome {
    /// The request has another URI: a location is searched anew.
    Search,
    /// The place goes on with it, or the location that it uses.
    Serve(Option<Arc<Location>>),
    /// An answer, in the name of the place or of the location that it uses.
    Answer(Option<Arc<Location>>, Answer),
}

/// An answer of the steps.
pub(crate) enum Answer {
    Found(Found),
    /// The client is sent there; a path is still to be completed.
    Redirect(StatusCode, Bytes),
}

/// A request on its way through steps.
struct Run<'r> {
    exchange: &'r Exchange,
    path: &'r mut Path,
    changed: bool,
    used: Option<Arc<Location>>,
}

type Flow = ControlFlow<Option<Answer>>;

impl Steps {
    /// Makes steps ready; `used` builds the location that a condition names.
    pub(crate) fn build(
        steps: &[Spanned<config::Step>],
        site: &Site,
        used: &mut impl FnMut(&Spanned<Box<str>>) -> Result<Arc<Location>, BuildError>,
    ) -> Result<Option<Self>, BuildError> {
        let built = steps.iter().map(|step| Step::build(&step.value, site, used));
        let built: Box<[Step]> = built.collect::<Result<_, _>>()?;
        Ok((!built.is_empty()).then_some(Self(built)))
    }

    /// The same after a look at what is pending of ACME: before anything of the server's.
    pub(crate) fn after_acme(steps: Option<Self>, challenges: Challenges) -> Self {
        let steps = steps.map(|steps| steps.0.into_vec()).unwrap_or_default();
        Self(std::iter::once(Step::Acme(challenges)).chain(steps).collect())
    }

    /// Whether one of them sets the variable with this name.
    pub(crate) fn sets(&self, variable: &str) -> bool {
        self.0.iter().any(|step| match step {
            Step::Set(name, _) => **name == *variable,
            Step::If(step) => step.then.sets(variable),
            _ => false,
        })
    }

    /// Takes the steps.
    pub(crate) fn run(&self, exchange: &Exchange, path: &mut Path) -> Outcome {
        let mut run = Run { exchange, path, changed: false, used: None };
        match run.steps(self) {
            ControlFlow::Break(Some(answer)) => Outcome::Answer(run.used, answer),
            _ if run.changed => Outcome::Search,
            _ => Outcome::Serve(run.used),
        }
    }
}

impl Step {
    fn build(
        step: &config::Step,
        site: &Site,
        used: &mut impl FnMut(&Spanned<Box<str>>) -> Result<Arc<Location>, BuildError>,
    ) -> Result<Self, BuildError> {
        Ok(match step {
            config::Step::Rewrite(rewrite) => {
                Self::Rewrite(compile(&rewrite.pattern, false)?, rewrite.clone())
            }
            config::Step::Set { name, value } => Self::Set(name.clone(), value.clone()),
            config::Step::Return(answer) => Self::Return(Respond::new(answer, site)),
            config::Step::Break => Self::Break,
            config::Step::If(step) => {
                let pattern = match &step.condition.test {
                    Test::Matches { pattern, caseless, .. } => Some(compile(pattern, *caseless)?),
                    _ => None,
                };
                Self::If(Box::new(If {
                    condition: step.condition.clone(),
                    pattern,
                    location: step.location.as_ref().map(&mut *used).transpose()?,
                    then: Steps(
                        step.then
                            .iter()
                            .map(|step| Self::build(&step.value, site, used))
                            .collect::<Result<_, _>>()?,
                    ),
                }))
            }
        })
    }
}

fn compile(pattern: &Spanned<Box<str>>, caseless: bool) -> Result<Pattern, BuildError> {
    let compile = if caseless { Pattern::caseless } else { Pattern::new };
    compile(&pattern.value).map_err(BuildError::value("invalid regular expression", pattern.span))
}

impl Run<'_> {
    fn steps(&mut self, steps: &Steps) -> Flow {
        steps.0.iter().try_for_each(|step| self.step(step))
    }

    fn step(&mut self, step: &Step) -> Flow {
        match step {
            Step::Acme(challenges) => return self.acme(challenges),
            Step::Rewrite(pattern, rewrite) => return self.rewrite(pattern, rewrite),
            Step::Set(name, value) => set(self.exchange, self.path, name, value.eval(self.exchange)),
            Step::If(step) => {
                if self.holds(step) {
                    if step.location.is_some() {
                        self.used.clone_from(&step.location);
                    }
                    return self.steps(&step.then);
                }
            }
            Step::Return(answer) => {
                return ControlFlow::Break(Some(Answer::Found(Found::Return(answer.clone()))));
            }
            Step::Break => {
                if std::mem::take(&mut self.changed) {
                    *self.path = self.path.clone().pinned();
                }
                return ControlFlow::Break(None);
            }
        }
        ControlFlow::Continue(())
    }

    fn acme(&self, challenges: &Challenges) -> Flow {
        let path = self.path.decoded();
        // Of every request of the server's: few get past this.
        if !path.starts_with(WELL_KNOWN.as_bytes()) {
            return ControlFlow::Continue(());
        }
        let is_read = |head: &Head| matches!(head.method, Method::GET | Method::HEAD);
        let answer = std::str::from_utf8(path).ok().and_then(|path| challenges.http(path));
        match answer.filter(|_| self.exchange.head().is_some_and(is_read)) {
            Some(answer) => ControlFlow::Break(Some(Answer::Found(Found::Text(ANSWER_TYPE, answer)))),
            None => ControlFlow::Continue(()),
        }
    }

    fn rewrite(&mut self, pattern: &Pattern, rewrite: &config::Rewrite) -> Flow {
        if !self.matches(pattern, &self.path.decoded().clone()) {
            return ControlFlow::Continue(());
        }
        let redirect = matches!(rewrite.then, Then::Redirect(_));
        let encode = self.path.has_quotes_or_plus();
        let mut replacement = Replacement::default();
        for piece in &rewrite.replacement {
            match piece {
                Piece::Template(text) => text.eval_into(self.exchange, replacement.buffer()),
                Piece::QuestionMark => replacement.question_mark(),
                Piece::Capture(number) => {
                    let text = propylon_vars::group(self.exchange, *number).unwrap_or_default();
                    if redirect && encode {
                        replacement.encoded(&text);
                    } else {
                        replacement.capture(&text, encode);
                    }
                }
            }
        }
        let kept = self.path.args().filter(|_| rewrite.keeps_args).map(|args| &**args);
        if let Then::Redirect(status) = rewrite.then {
            let url = replacement.url(kept, rewrite.asks).into();
            return ControlFlow::Break(Some(Answer::Redirect(status, url)));
        }
        let (uri, args) = replacement.uri(kept);
        if uri.is_empty() {
            error_log::of(self.exchange, || {
                tracing::error!(
                    target: "propylon_gateway",
                    client = %self.exchange.client(),
                    "the rewritten URI has a zero length"
                );
            });
            let found = Found::page(StatusCode::INTERNAL_SERVER_ERROR);
            return ControlFlow::Break(Some(Answer::Found(found)));
        }
        let path = self.path.clone().rewritten(uri.into(), args.map(Bytes::from));
        self.changed = rewrite.then != Then::Break;
        *self.path = if self.changed { path } else { path.pinned() };
        self.tell();
        if rewrite.then == Then::Next { ControlFlow::Continue(()) } else { ControlFlow::Break(None) }
    }

    fn holds(&self, step: &If) -> bool {
        let eval = |template: &Template| template.eval(self.exchange);
        let holds = match (&step.condition.test, &step.pattern) {
            (Test::True(value), _) => !matches!(&*eval(value), b"" | b"0"),
            (Test::Equal(left, right), _) => eval(left) == eval(right),
            (Test::Matches { text, .. }, Some(pattern)) => self.matches(pattern, &eval(text)),
            (Test::Matches { .. }, None) => false,
            (Test::File(path), _) => stat(&eval(path)).is_some_and(|file| file.is_file()),
            (Test::Directory(path), _) => stat(&eval(path)).is_some_and(|file| file.is_dir()),
            (Test::Exists(path), _) => stat(&eval(path)).is_some(),
            (Test::Executable(path), _) => {
                stat(&eval(path)).is_some_and(|file| file.permissions().mode() & 0o100 != 0)
            }
        };
        holds != step.condition.negated
    }

    /// Whether a regex matches; what it captures is `$1` from here on, and nothing is if it does not (nginx).
    fn matches(&self, pattern: &Pattern, text: &Bytes) -> bool {
        let found = pattern.find(text);
        let groups = found.as_ref().map(captures).unwrap_or_default();
        propylon_vars::set_captures(self.exchange, groups);
        found.is_some()
    }

    fn tell(&self) {
        tell(self.exchange, self.path);
    }
}

/// Sets a variable; some of them are part of the request.
pub(crate) fn set(exchange: &Exchange, path: &mut Path, name: &str, value: Bytes) {
    if name == "args" {
        *path = path.clone().with_args(Some(value));
        tell(exchange, path);
    } else if name == "limit_rate" {
        set_rate(exchange, &value);
    } else {
        propylon_vars::set_named(exchange, name, value);
    }
}

fn tell(exchange: &Exchange, path: &Path) {
    propylon_vars::set_uri(exchange, path.decoded().clone(), path.args().cloned());
}

/// As nginx, which also waits for the disk here: such conditions are about files at hand.
fn stat(path: &[u8]) -> Option<std::fs::Metadata> {
    std::fs::metadata(OsStr::from_bytes(path)).ok()
}
