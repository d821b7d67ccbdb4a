//! Words, braces, semicolons and comments, cut exactly where nginx cuts them.

use std::ops::Range;
use std::sync::Arc;

use propylon_config::Source;

use crate::place::{Place, Problem};

/// A word of a directive.
#[derive(Clone, Debug)]
pub(crate) struct Word {
    /// What it says, without its quotes and with its escapes undone.
    pub(crate) text: String,
    /// Where it stands, with its quotes.
    pub(crate) place: Place,
}

/// What a file consists of.
#[derive(Clone, Debug)]
pub(crate) enum Token {
    Word(Word),
    Open(Place),
    Close(Place),
    End(Place),
    /// The text after the `#`, and whether something else stands before it on its line.
    Comment(String, bool),
}

pub(crate) struct Lexer {
    source: Arc<Source>,
    at: usize,
    /// The last thing was a quoted word: it must be followed by something that ends it.
    after_quote: bool,
}

impl Lexer {
    pub(crate) const fn new(source: Arc<Source>) -> Self {
        Self { source, at: 0, after_quote: false }
    }

    pub(crate) fn place(&self, range: Range<usize>) -> Place {
        Place { source: self.source.clone(), range }
    }

    /// The next token; `None` at the end of the file.
    pub(crate) fn next(&mut self) -> Result<Option<Token>, Problem> {
        let source = self.source.clone();
        let bytes = source.text().as_bytes();
        if let Some(&byte) = bytes.get(self.at).filter(|_| std::mem::take(&mut self.after_quote)) {
            // nginx takes a `)` after a quote for the `if ("$a" = "b")` that people write.
            if !matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b';' | b'{' | b')') {
                let what =
                    source.text().get(self.at..).and_then(|rest| rest.chars().next()).unwrap_or_default();
                return Err(Problem::new(
                    &self.place(self.at..self.at + 1),
                    format!("unexpected \"{what}\""),
                ));
            }
        }
        while bytes.get(self.at).is_some_and(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
        let start = self.at;
        let Some(&byte) = bytes.get(start) else { return Ok(None) };
        let one = self.place(start..start + 1);
        self.at += 1;
        Ok(Some(match byte {
            b'{' => Token::Open(one),
            b'}' => Token::Close(one),
            b';' => Token::End(one),
            b'#' => {
                let rest = bytes.get(start..).unwrap_or_default();
                let end = rest.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| start + at);
                self.at = end;
                let text = source.slice(start + 1..end).trim_end().to_owned();
                let line = bytes.get(..start).unwrap_or_default().iter().rposition(|byte| *byte == b'\n');
                let before = source.slice(line.map_or(0, |at| at + 1)..start);
                Token::Comment(text, !before.trim().is_empty())
            }
            b'"' | b'\'' => Token::Word(self.quoted(bytes, start, byte)?),
            _ => {
                self.at = start;
                Token::Word(self.bare(bytes, start))
            }
        }))
    }

    /// Skips the Lua code of a block that has been opened, to behind its end: braces in texts and comments end nothing.
    pub(crate) fn skip_lua(&mut self) -> Result<(), Problem> {
        let source = self.source.clone();
        let text = source.text();
        let mut depth = 1;
        while let Some(rest) = text.get(self.at..).filter(|rest| !rest.is_empty()) {
            let (comment, code) = rest.strip_prefix("--").map_or((false, rest), |code| (true, code));
            self.at += match code.strip_prefix("[[") {
                Some(long) => rest.len() - long.len() + long.find("]]").map_or(long.len(), |end| end + 2),
                None if comment => rest.find('\n').unwrap_or(rest.len()),
                None => match rest.as_bytes() {
                    [b'{', ..] => {
                        depth += 1;
                        1
                    }
                    [b'}', ..] => {
                        depth -= 1;
                        1
                    }
                    [quote @ (b'"' | b'\''), behind @ ..] => 1 + lua_text(behind, *quote),
                    _ => rest.chars().next().map_or(1, char::len_utf8),
                },
            };
            if depth == 0 {
                return Ok(());
            }
        }
        Err(Problem::new(&self.end(), "unexpected end of file, expecting \"}\"")
            .help("a block that was opened is never closed"))
    }

    fn quoted(&mut self, bytes: &[u8], start: usize, quote: u8) -> Result<Word, Problem> {
        loop {
            match bytes.get(self.at) {
                None => {
                    let message = "unexpected end of file, expecting \";\" or \"}\"";
                    let help = format!(
                        "the quote that opens in line {} is never closed",
                        self.place(start..start + 1).line()
                    );
                    return Err(Problem::new(&self.place(bytes.len()..bytes.len()), message).help(help));
                }
                Some(b'\\') => self.at = (self.at + 2).min(bytes.len()),
                Some(byte) if *byte == quote => break,
                Some(_) => self.at += 1,
            }
        }
        let text = unescape(self.source.slice(start + 1..self.at));
        self.at += 1;
        self.after_quote = true;
        Ok(Word { text, place: self.place(start..self.at) })
    }

    fn bare(&mut self, bytes: &[u8], start: usize) -> Word {
        let mut variable = false;
        while let Some(byte) = bytes.get(self.at) {
            match byte {
                b'\\' => {
                    variable = false;
                    self.at += 1;
                    // A letter of several bytes after it: its rest ends no word.
                    self.at = (self.at + 1).min(bytes.len());
                    continue;
                }
                b'{' if variable => {}
                b' ' | b'\t' | b'\r' | b'\n' | b';' | b'{' => break,
                _ => {}
            }
            variable = *byte == b'$' || (variable && *byte == b'{');
            self.at += 1;
        }
        Word { text: unescape(self.source.slice(start..self.at)), place: self.place(start..self.at) }
    }
}

/// How long a text of Lua is behind its quote, with the one that ends it.
fn lua_text(bytes: &[u8], quote: u8) -> usize {
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        at += if *byte == b'\\' { 2 } else { 1 };
        if *byte == quote || *byte == b'\n' {
            break;
        }
    }
    at.min(bytes.len())
}

/// `\"`, `\'` and `\\` are those characters, `\t`, `\r` and `\n` blanks; any other backslash stays.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        if char != '\\' {
            out.push(char);
            continue;
        }
        match chars.clone().next() {
            Some(quote @ ('"' | '\'' | '\\')) => out.push(quote),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some('n') => out.push('\n'),
            _ => {
                out.push('\\');
                continue;
            }
        }
        chars.next();
    }
    out
}
