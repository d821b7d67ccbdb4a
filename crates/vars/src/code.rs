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
    One(Variable),
    Segments(Box<[Segment]>),
}

#[derive(Debug)]
pub(crate) enum Segment {
    Text(Box<[u8]>),
    Variable(Variable),
}

impl Code {
    /// Compiles `text`, and appends to `errors` all that is wrong with it.
    pub(crate) fn compile(
        text: &str,
        context: Context,
        scope: &Scope,
        errors: &mut Vec<TemplateError>,
    ) -> Self {
        let mut segments = Vec::new();
        for piece in pieces(text) {
            let segment = piece.and_then(|(piece, range)| {
                match piece {
                    Piece::Text(text) => Ok(Segment::Text(text.as_bytes().into())),
                    Piece::Capture(number) if context == Context::Request => {
                        Ok(Segment::Variable(Variable::Group(number)))
                    }
                    Piece::Capture(_) => Err(TemplateErrorKind::NoCaptures),
                    Piece::Name(name) => scope.resolve(&name.to_ascii_lowercase()).map(Segment::Variable),
                }
                .map_err(|kind| TemplateError::new(range, kind))
            });
            match segment {
                Ok(segment) => segments.push(segment),
                Err(error) => errors.push(error),
            }
        }
        match segments.pop() {
            None => Self::Static(Bytes::new()),
            Some(Segment::Text(text)) if segments.is_empty() => Self::Static(Bytes::from(text)),
            Some(Segment::Variable(variable)) if segments.is_empty() => Self::One(variable),
            Some(last) => {
                segments.push(last);
                Self::Segments(segments.into())
            }
        }
    }

    pub(crate) fn variables(&self) -> impl Iterator<Item = &Variable> {
        let (one, segments) = match self {
            Self::Static(_) => (None, &[][..]),
            Self::One(variable) => (Some(variable), &[][..]),
            Self::Segments(segments) => (None, &segments[..]),
        };
        one.into_iter().chain(segments.iter().filter_map(|segment| match segment {
            Segment::Variable(variable) => Some(variable),
            Segment::Text(_) => None,
        }))
    }

    /// The value. Static text, and one variable that is kept as `Bytes`, are shared; all else is written.
    pub(crate) fn eval(&self, scene: Scene<'_>) -> Bytes {
        match self {
            Self::Static(text) => return text.clone(),
            Self::One(variable) => {
                if let Some(value) = variable.shared(scene) {
                    return value.unwrap_or_default();
                }
            }
            Self::Segments(_) => {}
        }
        Bytes::copy_from_slice(&self.aside(scene))
    }

    /// The value as that of a field; nothing if it cannot stand in one.
    pub(crate) fn field(&self, scene: Scene<'_>) -> Option<HeaderValue> {
        let shared = match self {
            Self::Static(text) => Some(HeaderValue::from_maybe_shared(text.clone()).ok()),
            Self::One(variable) => variable.field(scene),
            Self::Segments(_) => None,
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
        let variable = |variable: &Variable, out: &mut Out<'_>| {
            if !variable.write(scene, out) {
                out.raw(missing);
            }
        };
        match self {
            Self::Static(text) => out.raw(text),
            Self::One(one) => variable(one, out),
            Self::Segments(segments) => {
                for segment in segments {
                    match segment {
                        Segment::Text(text) => out.raw(text),
                        Segment::Variable(one) => variable(one, out),
                    }
                }
            }
        }
    }
}
