//! What a page's commands do: its state, and what follows of each piece.

use bytes::Bytes;

use crate::command::{Command, Parameter};
use crate::expression;
use crate::text::{self, Encoding, evaluate, lossy};
use crate::{Error, Host, Zone};

const ERROR: &[u8] = b"[an error occurred while processing the directive]";
const NONE: &[u8] = b"(none)";
/// How long a block may be: all of it has to be kept.
const LONGEST_BLOCK: usize = 256 << 10;
const DATE: &str = "%A, %d-%b-%Y %H:%M:%S %Z";

/// What is to be put into the page.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Output {
    Text(Bytes),
    Inclusion(Inclusion),
}

/// What is to be included.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Inclusion {
    pub(crate) path: Bytes,
    pub(crate) args: Option<Bytes>,
    /// Whether nothing behind it is looked at before it is complete.
    pub(crate) waits: bool,
    pub(crate) then: Then,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// It is shown.
    Show,
    /// It is shown, or this block if it is empty or an error.
    ShowOr(Bytes),
    /// It becomes the value of a variable.
    Set(Bytes),
}

/// The state of a page.
#[derive(Debug)]
pub(crate) struct Page {
    /// In an `if`, or behind its `else`.
    condition: Option<Condition>,
    /// Whether a branch of the `if` was taken.
    chosen: bool,
    /// Whether what comes is shown.
    shown: bool,
    /// The block that is being read.
    block: Option<Block>,
    error: Bytes,
    date: String,
    encoding: Encoding,
    /// Whether errors are shown.
    silent: bool,
}

#[derive(Debug)]
struct Block {
    name: Bytes,
    text: Vec<u8>,
    /// Whether it is too long, and nothing of it is kept.
    over: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    If,
    Else,
}

impl Page {
    pub(crate) fn new(silent: bool) -> Self {
        Self {
            condition: None,
            chosen: false,
            shown: true,
            block: None,
            error: Bytes::from_static(ERROR),
            date: DATE.to_owned(),
            encoding: Encoding::Entity,
            silent,
        }
    }

    /// Text is shown, kept, or neither.
    pub(crate) fn text(&mut self, host: &dyn Host, text: Bytes) -> Option<Output> {
        match &mut self.block {
            Some(block) => match block.add(&text) {
                Ok(()) => None,
                Err(error) => self.failed(host, &error),
            },
            None => self.shown.then_some(Output::Text(text)),
        }
    }

    /// A command is obeyed.
    pub(crate) fn command(&mut self, host: &dyn Host, command: &Command) -> Option<Output> {
        match self.obey(host, command) {
            Ok(output) => output,
            Err(error) => self.failed(host, &error),
        }
    }

    /// What stands in the place of what is wrong.
    pub(crate) fn failed(&self, host: &dyn Host, error: &Error) -> Option<Output> {
        host.report(error);
        (!self.silent).then(|| Output::Text(self.error.clone()))
    }

    fn obey(&mut self, host: &dyn Host, command: &Command) -> Result<Option<Output>, Error> {
        let name = &*command.name;
        if let Some(block) = &mut self.block
            && name != b"endblock"
        {
            let mut text = Vec::new();
            command.write(&mut text);
            return block.add(&text).map(|()| None);
        }
        let goes_on = matches!(name, b"elif" | b"else" | b"endif" | b"endblock");
        if !self.shown && !goes_on {
            return Ok(None);
        }
        match name {
            b"include" => self.include(host, command).map(|inclusion| Some(Output::Inclusion(inclusion))),
            b"echo" => Ok(self.echo(host, command)?.map(Output::Text)),
            b"config" => self.config(command),
            b"set" => set(host, command),
            b"if" | b"elif" => self.branch(host, command),
            b"else" => self.other_branch(command),
            b"endif" => self.end_of_branches(command),
            b"block" => self.begin_block(command),
            b"endblock" => self.end_block(host, command),
            _ => Err(Error::NoSuchCommand(lossy(name))),
        }
    }

    fn include(&self, host: &dyn Host, command: &Command) -> Result<Inclusion, Error> {
        let [from, file, wait, set, stub] = parameters(command, ["virtual", "file", "wait", "set", "stub"])?;
        let (what, file) = match (from, file) {
            (Some(from), None) => (from, false),
            (None, Some(file)) => (file, true),
            _ => return Err(Error::Inclusion),
        };
        let waits = match wait {
            Some(_) if file => return Err(Error::Inclusion),
            None => file,
            Some(wait) if wait.eq_ignore_ascii_case(b"yes") => true,
            Some(wait) if wait.eq_ignore_ascii_case(b"no") => false,
            Some(_) => return Err(Error::Inclusion),
        };
        let (path, args) = text::path(&host.path(), &evaluate(host, what)?)?;
        let then = match (set, stub) {
            (None, None) => Then::Show,
            (Some(set), None) => Then::Set(set.to_ascii_lowercase().into()),
            (None, Some(stub)) => {
                let block = host.shared().block(stub).ok_or_else(|| Error::NoSuchBlock(lossy(stub)))?;
                Then::ShowOr(block)
            }
            (Some(_), Some(_)) => return Err(Error::Inclusion),
        };
        let waits = waits || matches!(then, Then::Set(_));
        Ok(Inclusion { path, args, waits, then })
    }

    fn echo(&mut self, host: &dyn Host, command: &Command) -> Result<Option<Bytes>, Error> {
        let [name, default, encoding] = parameters(command, ["var", "default", "encoding"])?;
        let name = mandatory(command, name, "var")?;
        let value = self.date(host, name).or_else(|| text::variable(host, name));
        let value = value.unwrap_or_else(|| Bytes::copy_from_slice(default.unwrap_or(NONE)));
        match encoding {
            None => {}
            Some(b"none") => self.encoding = Encoding::None,
            Some(b"url") => self.encoding = Encoding::Url,
            Some(b"entity") => self.encoding = Encoding::Entity,
            Some(other) => host.report(&invalid(command, other)),
        }
        Ok((!value.is_empty()).then(|| text::encode(value, self.encoding)))
    }

    /// The value of a date, in the form that was asked for.
    fn date(&self, host: &dyn Host, name: &[u8]) -> Option<Bytes> {
        let zone = match name {
            b"date_local" | b"DATE_LOCAL" => Zone::Local,
            b"date_gmt" | b"DATE_GMT" => Zone::Gmt,
            _ => return None,
        };
        host.date(&self.date, zone)
    }

    fn config(&mut self, command: &Command) -> Result<Option<Output>, Error> {
        let [error, date] = parameters(command, ["errmsg", "timefmt"])?;
        if let Some(error) = error {
            self.error = Bytes::copy_from_slice(error);
        }
        if let Some(date) = date {
            self.date = lossy(date);
        }
        Ok(None)
    }

    fn branch(&mut self, host: &dyn Host, command: &Command) -> Result<Option<Output>, Error> {
        let elif = command.name == b"elif";
        let expected = elif.then_some(Condition::If);
        if self.condition != expected {
            return Err(Error::Context(lossy(&command.name)));
        }
        let [expression] = parameters(command, ["expr"])?;
        let expression = mandatory(command, expression, "expr")?;
        if self.chosen {
            self.shown = false;
            return Ok(None);
        }
        self.shown = expression::holds(host, expression)?;
        self.chosen = self.shown;
        self.condition = Some(Condition::If);
        Ok(None)
    }

    fn other_branch(&mut self, command: &Command) -> Result<Option<Output>, Error> {
        if self.condition != Some(Condition::If) {
            return Err(Error::Context(lossy(&command.name)));
        }
        let [] = parameters(command, [])?;
        self.shown = !self.chosen;
        self.condition = Some(Condition::Else);
        Ok(None)
    }

    fn end_of_branches(&mut self, command: &Command) -> Result<Option<Output>, Error> {
        if self.condition.is_none() {
            return Err(Error::Context(lossy(&command.name)));
        }
        let [] = parameters(command, [])?;
        (self.shown, self.chosen, self.condition) = (true, false, None);
        Ok(None)
    }

    fn begin_block(&mut self, command: &Command) -> Result<Option<Output>, Error> {
        let [name] = parameters(command, ["name"])?;
        let name = mandatory(command, name, "name")?;
        self.block = Some(Block { name: Bytes::copy_from_slice(name), text: Vec::new(), over: false });
        Ok(None)
    }

    fn end_block(&mut self, host: &dyn Host, command: &Command) -> Result<Option<Output>, Error> {
        let [] = parameters(command, [])?;
        self.shown = true;
        match self.block.take() {
            Some(Block { name, text, over: false }) => {
                host.shared().set_block(&name, text.into()).map(|()| None)
            }
            _ => Ok(None),
        }
    }
}

impl Block {
    /// Keeps some more of it. An error, once: it is too long.
    fn add(&mut self, text: &[u8]) -> Result<(), Error> {
        if self.over {
            return Ok(());
        }
        if self.text.len() + text.len() > LONGEST_BLOCK {
            (self.over, self.text) = (true, Vec::new());
            return Err(Error::TooMuch);
        }
        self.text.extend_from_slice(text);
        Ok(())
    }
}

fn set(host: &dyn Host, command: &Command) -> Result<Option<Output>, Error> {
    let [name, value] = parameters(command, ["var", "value"])?;
    let (name, value) = (mandatory(command, name, "var")?, mandatory(command, value, "value")?);
    host.shared().set(&name.to_ascii_lowercase(), evaluate(host, value)?)?;
    Ok(None)
}

/// The values of parameters with these names, each at most once, and there are no others.
fn parameters<'c, const N: usize>(
    command: &'c Command,
    names: [&str; N],
) -> Result<[Option<&'c [u8]>; N], Error> {
    let mut found = [None; N];
    for Parameter { name, value } in &command.parameters {
        let mut places = found.iter_mut().zip(names);
        let place = places.find(|(_, known)| known.as_bytes() == name).map(|(place, _)| place);
        match place {
            Some(place @ None) => *place = Some(&**value),
            _ => return Err(invalid(command, name)),
        }
    }
    Ok(found)
}

fn mandatory<'v>(
    command: &Command,
    value: Option<&'v [u8]>,
    parameter: &'static str,
) -> Result<&'v [u8], Error> {
    value.ok_or_else(|| Error::Mandatory { parameter, command: lossy(&command.name) })
}

fn invalid(command: &Command, parameter: &[u8]) -> Error {
    Error::Parameter { parameter: lossy(parameter), command: lossy(&command.name) }
}
