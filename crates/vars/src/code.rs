//! Compiled template text.

use bytes::Bytes;
use http::HeaderValue;

use crate::out::{Escape, Out};
use crate::parse::{Piece, pieces};
use crate::scope::Scope;
use crate::scratch::Scratch;
use crate::variable::{Scene, Variable};
use crate::{Context, TemplateError, TemplateErrorKind};

/// Compiled template text.
#[derive(Debug)]
pub(crate) enum Code {
    Static(Bytes),
    One(Step),
    Steps {
        steps: Box<[Step]>,
        /// The text behind them.
        end: Box<[u8]>,
    },
}

/// A variable, and the text before it.
#[derive(Debug)]
pub(crate) struct Step {
    text: Box<[u8]>,
    variable: Variable,
}

impl Code {
    /// Compiles `source`, and appends to `errors` all that is wrong with it.
    pub(crate) fn compile(
        source: &str,
        context: Context,
        scope: &Scope,
        errors: &mut Vec<TemplateError>,
    ) -> Self {
        let (mut steps, mut text) = (Vec::new(), Vec::new());
        for piece in pieces(source) {
            let variable = piece.and_then(|(piece, range)| {
                match piece {
                    Piece::Text(more) => {
                        text.extend_from_slice(more.as_bytes());
                        Ok(None)
                    }
                    Piece::Capture(number) if context == Context::Request => {
                        Ok(Some(Variable::Group(number)))
                    }
                    Piece::Capture(_) => Err(TemplateErrorKind::NoCaptures),
                    Piece::Name(name) => scope.resolve(&name.to_ascii_lowercase()).map(Some),
                }
                .map_err(|kind| TemplateError::new(range, kind))
            });
            match variable {
                Ok(None) => {}
                Ok(Some(variable)) => steps.push(Step { text: std::mem::take(&mut text).into(), variable }),
                Err(error) => errors.push(error),
            }
        }
        match steps.pop() {
            None => Self::Static(text.into()),
            Some(one) if steps.is_empty() && one.text.is_empty() && text.is_empty() => Self::One(one),
            Some(last) => {
                steps.push(last);
                Self::Steps { steps: steps.into(), end: text.into() }
            }
        }
    }

    pub(crate) fn variables(&self) -> impl Iterator<Item = &Variable> {
        self.steps().0.iter().map(|step| &step.variable)
    }

    fn steps(&self) -> (&[Step], &[u8]) {
        match self {
            Self::Static(text) => (&[], text),
            Self::One(step) => (std::slice::from_ref(step), &[]),
            Self::Steps { steps, end } => (steps, end),
        }
    }

    /// The value. Static text, and one variable that is kept as `Bytes`, are shared; all else is written.
    pub(crate) fn eval(&self, scene: Scene<'_>) -> Bytes {
        match self {
            Self::Static(text) => return text.clone(),
            Self::One(step) => {
                if let Some(value) = step.variable.shared(scene) {
                    return value.unwrap_or_default();
                }
            }
            Self::Steps { .. } => {}
        }
        Bytes::copy_from_slice(&self.aside(scene))
    }

    /// The value as that of a field; nothing if it cannot stand in one.
    pub(crate) fn field(&self, scene: Scene<'_>) -> Option<HeaderValue> {
        let shared = match self {
            Self::Static(text) => Some(HeaderValue::from_maybe_shared(text.clone()).ok()),
            Self::One(step) => step.variable.field(scene),
            Self::Steps { .. } => None,
        };
        shared.unwrap_or_else(|| HeaderValue::from_bytes(&self.aside(scene)).ok())
    }

    /// The value, written aside to be copied once: a buffer that grows would be allocated several times.
    fn aside(&self, scene: Scene<'_>) -> Scratch {
        let mut buffer = Scratch::take();
        self.eval_into(scene, &mut buffer);
        buffer
    }

    pub(crate) fn eval_into(&self, scene: Scene<'_>, buffer: &mut Vec<u8>) {
        self.write(scene, b"", &mut Out::plain(buffer));
    }

    pub(crate) fn write_with(&self, scene: Scene<'_>, buffer: &mut Vec<u8>, missing: &[u8], escape: Escape) {
        self.write(scene, missing, &mut Out::escaping(buffer, escape));
    }

    fn write(&self, scene: Scene<'_>, missing: &[u8], out: &mut Out<'_>) {
        let (steps, end) = self.steps();
        for Step { text, variable } in steps {
            out.raw(text);
            if !variable.write(scene, out) {
                out.raw(missing);
            }
        }
        out.raw(end);
    }
}
