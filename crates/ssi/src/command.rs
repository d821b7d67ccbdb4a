//! What a page is made of: text, and commands in comments (`<!--# name parameter="value" -->`). No I/O; bytes come as they come.

use bytes::Bytes;
use memchr::memchr;

use crate::Error;

const START: &[u8; 5] = b"<!--#";
/// How long names may be, and how many parameters there may be (nginx).
const NAME: usize = 32;
const PARAMETERS: usize = 16;

/// A piece of a page.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Text(Bytes),
    Command(Command),
    /// A command that is none.
    Broken(Error),
}

/// A command as it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Command {
    pub(crate) name: Vec<u8>,
    pub(crate) parameters: Vec<Parameter>,
}

/// One of its parameters; what is quoted by a backslash is so still.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parameter {
    pub(crate) name: Vec<u8>,
    pub(crate) value: Vec<u8>,
}

impl Command {
    /// As text again.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(START);
        out.extend_from_slice(&self.name);
        for Parameter { name, value } in &self.parameters {
            // A value holds no quotes of the kind that it was in, but for those behind a backslash.
            let quote = if is_quoted_in(value, b'"') { b'"' } else { b'\'' };
            out.push(b' ');
            out.extend_from_slice(name);
            out.extend_from_slice(&[b'=', quote]);
            out.extend_from_slice(value);
            out.push(quote);
        }
        out.extend_from_slice(b" -->");
    }
}

/// Whether a value can stand between two of these.
fn is_quoted_in(value: &[u8], quote: u8) -> bool {
    let mut escaped = false;
    value.iter().all(|byte| {
        let ends = !escaped && *byte == quote;
        escaped = !escaped && *byte == b'\\';
        !ends
    })
}

/// Finds the pieces of a page.
#[derive(Debug)]
pub(crate) struct Parser {
    state: State,
    command: Command,
    parameter: Parameter,
    /// How long a value may be.
    longest: usize,
    /// What is wrong with the command that is being read to its end.
    error: Option<Error>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// So many bytes of `START` were seen at the end of what came.
    Text(usize),
    BeforeCommand,
    Name,
    BeforeParameter,
    ParameterName,
    BeforeEqual,
    BeforeValue,
    Value(u8),
    Escaped(u8),
    BehindValue,
    /// So many dashes of the end were seen.
    End(u8),
    /// The same in a command that is broken.
    Broken(u8),
}

impl Parser {
    pub(crate) fn new(longest: usize) -> Self {
        Self {
            state: State::Text(0),
            command: Command::default(),
            parameter: Parameter::default(),
            longest,
            error: None,
        }
    }

    /// The next piece of what came, which is taken from its front; nothing if all of it is taken.
    pub(crate) fn next(&mut self, data: &mut Bytes) -> Option<Piece> {
        while !data.is_empty() {
            if let State::Text(seen) = self.state {
                if let Some(text) = self.text(seen, data) {
                    return Some(Piece::Text(text));
                }
                continue;
            }
            // The end of a command, or all.
            let bytes = std::mem::take(data);
            for (at, byte) in bytes.iter().enumerate() {
                if self.step(*byte) {
                    *data = bytes.slice(at + 1..);
                    return Some(self.ended());
                }
            }
        }
        None
    }

    /// What is left at the end of a page.
    pub(crate) fn finish(&mut self) -> Option<Piece> {
        match std::mem::replace(&mut self.state, State::Text(0)) {
            State::Text(0) => None,
            State::Text(seen) => Some(Piece::Text(start(seen))),
            _ => Some(Piece::Broken(Error::Unfinished(self.name()))),
        }
    }

    /// The text before the next command, if there is any; afterwards the state is that of what follows.
    fn text(&mut self, seen: usize, data: &mut Bytes) -> Option<Bytes> {
        if seen > 0 {
            let rest = START.get(seen..).unwrap_or_default();
            let same = rest.iter().zip(data.iter()).take_while(|(a, b)| a == b).count();
            if same == rest.len() {
                *data = data.slice(same..);
                self.begin();
                return None;
            }
            if same == data.len() {
                self.state = State::Text(seen + same);
                *data = Bytes::new();
                return None;
            }
            self.state = State::Text(0);
            return Some(start(seen)); // it was none, and there is no `<` in what follows the first
        }
        let mut from = 0;
        while let Some(found) = memchr(b'<', data.get(from..).unwrap_or_default()) {
            let at = from + found;
            let here = data.get(at..).unwrap_or_default();
            if here.starts_with(START) {
                let text = data.split_to(at);
                *data = data.slice(START.len()..);
                self.begin();
                return (!text.is_empty()).then_some(text);
            }
            if here.len() < START.len() && START.starts_with(here) {
                self.state = State::Text(here.len());
                let text = data.split_to(at);
                *data = Bytes::new();
                return (!text.is_empty()).then_some(text);
            }
            from = at + 1;
        }
        Some(std::mem::take(data))
    }

    fn begin(&mut self) {
        self.state = State::BeforeCommand;
        (self.command, self.parameter, self.error) = (Command::default(), Parameter::default(), None);
    }

    /// The command has come to its end.
    fn ended(&mut self) -> Piece {
        self.state = State::Text(0);
        match self.error.take() {
            Some(error) => Piece::Broken(error),
            None => Piece::Command(std::mem::take(&mut self.command)),
        }
    }

    /// Reads a byte of a command; whether that was its last.
    fn step(&mut self, byte: u8) -> bool {
        let blank = matches!(byte, b' ' | b'\r' | b'\n' | b'\t');
        self.state = match (self.state, byte) {
            (State::End(2), b'>') | (State::Broken(2), b'>') => return true,
            (State::BeforeCommand | State::BeforeParameter | State::BeforeEqual | State::BeforeValue, _)
                if blank =>
            {
                self.state
            }
            (State::Name | State::BehindValue, _) if blank => State::BeforeParameter,
            (State::ParameterName, _) if blank => State::BeforeEqual,
            (State::Name | State::BeforeParameter | State::BehindValue, b'-') => State::End(1),
            (State::BeforeCommand | State::Name, _) => self.name_byte(byte),
            (State::BeforeParameter, _) => {
                self.parameter = Parameter::default();
                self.parameter_byte(byte)
            }
            (State::ParameterName | State::BeforeEqual, b'=') => State::BeforeValue,
            (State::ParameterName, b'-') | (State::BeforeEqual | State::BehindValue, _) => {
                self.broken(byte, "after a parameter")
            }
            (State::ParameterName, _) => self.parameter_byte(byte),
            (State::BeforeValue, b'"' | b'\'') => State::Value(byte),
            (State::BeforeValue, _) => self.broken(byte, "before a value"),
            (State::Value(quote), _) if byte == quote => {
                self.command.parameters.push(std::mem::take(&mut self.parameter));
                State::BehindValue
            }
            (State::Value(quote), b'\\') => self.value_byte(byte, State::Escaped(quote)),
            (State::Value(quote) | State::Escaped(quote), _) => self.value_byte(byte, State::Value(quote)),
            (State::End(1), b'-') => State::End(2),
            (State::End(_), _) => self.broken(byte, "at the end"),
            (State::Broken(1 | 2), b'-') => State::Broken(2),
            (State::Broken(0), b'-') => State::Broken(1),
            (State::Broken(_), _) => State::Broken(0),
            (State::Text(_), _) => self.state, // not reached: text is none of a command
        };
        false
    }

    fn name_byte(&mut self, byte: u8) -> State {
        if self.command.name.len() == NAME {
            self.error = Some(Error::TooLong(self.name()));
            return State::Broken(0);
        }
        self.command.name.push(byte);
        State::Name
    }

    fn parameter_byte(&mut self, byte: u8) -> State {
        if self.parameter.name.len() == NAME || self.command.parameters.len() == PARAMETERS {
            self.error = Some(Error::TooLong(self.name()));
            return State::Broken(0);
        }
        self.parameter.name.push(byte);
        State::ParameterName
    }

    fn value_byte(&mut self, byte: u8, then: State) -> State {
        if self.parameter.value.len() == self.longest {
            self.error = Some(Error::TooLong(self.name()));
            return State::Broken(0);
        }
        self.parameter.value.push(byte);
        then
    }

    fn broken(&mut self, byte: u8, place: &'static str) -> State {
        self.error = Some(Error::Unexpected { byte: byte.into(), place, command: self.name() });
        State::Broken(u8::from(byte == b'-'))
    }

    fn name(&self) -> String {
        String::from_utf8_lossy(&self.command.name).into_owned()
    }
}

/// The beginning of what could have been a command.
fn start(len: usize) -> Bytes {
    Bytes::from_static(START.get(..len).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pieces<'p>(parts: impl IntoIterator<Item = &'p [u8]>) -> Vec<Piece> {
        let mut parser = Parser::new(20);
        let mut found: Vec<Piece> = Vec::new();
        let mut add = |piece| match (piece, found.last_mut()) {
            (Piece::Text(more), Some(Piece::Text(text))) => *text = [&text[..], &more].concat().into(),
            (piece, _) => found.push(piece),
        };
        for part in parts {
            let mut data = Bytes::copy_from_slice(part);
            while let Some(piece) = parser.next(&mut data) {
                add(piece);
            }
        }
        parser.finish().into_iter().for_each(add);
        found
    }

    fn text(text: &str) -> Piece {
        Piece::Text(Bytes::copy_from_slice(text.as_bytes()))
    }

    fn command(name: &str, parameters: &[(&str, &str)]) -> Piece {
        let one = |(name, value): &(&str, &str)| Parameter {
            name: name.as_bytes().to_vec(),
            value: value.as_bytes().to_vec(),
        };
        Piece::Command(Command {
            name: name.as_bytes().to_vec(),
            parameters: parameters.iter().map(one).collect(),
        })
    }

    fn page(page: &str) -> Vec<Piece> {
        pieces([page.as_bytes()])
    }

    #[test]
    fn commands_and_text() {
        assert_eq!(page(""), []);
        assert_eq!(page("a <b> <!-- c --> <<!-<!--"), [text("a <b> <!-- c --> <<!-<!--")]);
        assert_eq!(page("<!--#endif -->"), [command("endif", &[])]);
        assert_eq!(page("<!--# \r\n\tendif-->x"), [command("endif", &[]), text("x")]);
        let echo = command("echo", &[("var", "a b"), ("default", "")]);
        assert_eq!(page("a<!--#echo var=\"a b\" default=''-->b"), [text("a"), echo, text("b")]);
        assert_eq!(page("<!--#set  value = '\"' -->"), [command("set", &[("value", "\"")])]);
        let escaped = command("set", &[("value", "a\\\"b\\\\")]);
        assert_eq!(page("<!--#set value=\"a\\\"b\\\\\" -->"), [escaped]);
        assert_eq!(page("<<!--#a --><!--#b -->"), [text("<"), command("a", &[]), command("b", &[])]);
    }

    #[test]
    fn what_is_no_command_is_broken_and_ends_where_it_says() {
        for broken in [
            "<!--#echo var>-->",
            "<!--#echo var -->",
            "<!--#echo var=x -->",
            "<!--#echo var='x'y -->",
            "<!--#echo - -->",
            "<!--#echo --x-->",
            "<!--#echo var='x' -x ---->",
            "<!--#echo var='0123456789012345678901' -->",
            "<!--#abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz -->",
        ] {
            let found = page(&format!("a{broken}b"));
            assert!(
                matches!(&found[..], [Piece::Text(_), Piece::Broken(_), Piece::Text(b)] if b == "b"),
                "{broken}: {found:?}"
            );
        }
        assert!(
            matches!(&page("a<!--#echo var")[..], [Piece::Text(_), Piece::Broken(Error::Unfinished(name))] if name == "echo")
        );
        let many = "p='' ".repeat(17);
        assert!(matches!(page(&format!("<!--#x {many}-->"))[..], [Piece::Broken(Error::TooLong(_))]));
    }

    proptest! {
        #[test]
        fn pieces_are_the_same_however_they_come(
            page in "([a<!#-]|<!--|<!--#[ab]{1,3}( [cd]{1,2}=\"[a\\\\\"' ]{0,3}\")?( ?-->| -))*",
            cuts in prop::collection::vec(0_usize..40, 0..10),
        ) {
            let page = page.as_bytes();
            let mut parts = Vec::new();
            let mut rest = page;
            for cut in cuts {
                let (part, others) = rest.split_at(cut.min(rest.len()));
                parts.push(part);
                rest = others;
            }
            parts.push(rest);
            prop_assert_eq!(pieces(parts), pieces([page]));
        }

        #[test]
        fn a_command_that_is_written_is_read_as_it_was(
            name in "[a-z]{1,5}",
            parameters in prop::collection::vec(("[a-z]{1,5}", "([a-z ]|\\\\[ -~é]){0,5}"), 0..4), // no longer than a value may be here
            quote in prop_oneof![Just(""), Just("\""), Just("'")],
        ) {
            let parameters: Vec<_> = parameters.into_iter().map(|(name, value)| (name, format!("{value}{quote}"))).collect();
            let parameters: Vec<_> = parameters.iter().map(|(name, value)| (&**name, &**value)).collect();
            let Piece::Command(command) = command(&name, &parameters) else { unreachable!() };
            let mut written = Vec::new();
            command.write(&mut written);
            prop_assert_eq!(pieces([&written[..]]), [Piece::Command(command)]);
        }
    }
}
