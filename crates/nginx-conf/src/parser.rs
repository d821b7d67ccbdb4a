//! Tokens to a tree, with the included files in their places.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use propylon_config::Source;

use crate::lexer::{Lexer, Token, Word};
use crate::place::{Place, Problem};
use crate::tree::{Block, Body, Directive};

/// No sane file goes deeper; it bounds the stack.
const DEEPEST: usize = 64;
/// Includes inside includes: nginx has no limit, and runs out of descriptors.
const INCLUDES: usize = 16;
/// After so many included files that are no good no more are read: one that includes itself twice has no end.
const MOST: usize = 1000;

/// Where included files come from.
pub(crate) trait Files {
    /// The text of a file.
    fn read(&self, path: &Path) -> std::io::Result<Vec<u8>>;
    /// The files that a pattern names, in order.
    fn glob(&self, pattern: &Path) -> Vec<PathBuf>;
}

/// The real ones.
pub(crate) struct Disk;

impl Files for Disk {
    fn read(&self, path: &Path) -> std::io::Result<Vec<u8>> {
        std::fs::read(path)
    }

    fn glob(&self, pattern: &Path) -> Vec<PathBuf> {
        propylon_config::glob(pattern)
    }
}

/// None at all.
pub(crate) struct NoFiles;

impl Files for NoFiles {
    fn read(&self, _: &Path) -> std::io::Result<Vec<u8>> {
        Err(std::io::ErrorKind::NotFound.into())
    }

    fn glob(&self, _: &Path) -> Vec<PathBuf> {
        Vec::new()
    }
}

pub(crate) struct Parser<'f> {
    files: &'f dyn Files,
    /// Relative includes are against this: the main file's directory.
    directory: PathBuf,
    /// What is wrong with included files: whoever includes them can be read on.
    problems: RefCell<Vec<Problem>>,
}

impl<'f> Parser<'f> {
    pub(crate) fn new(files: &'f dyn Files, directory: PathBuf) -> Self {
        Self { files, directory, problems: RefCell::default() }
    }

    /// A whole file: or what is wrong with it, in each of the files that it includes.
    pub(crate) fn parse(&self, source: &Arc<Source>) -> Result<Block, Vec<Problem>> {
        let parsed = self.file(source, 0, 0);
        let mut problems = self.problems.take();
        match parsed {
            Ok(block) if problems.is_empty() => Ok(block),
            Ok(_) => Err(problems),
            Err(problem) => {
                problems.push(problem);
                Err(problems)
            }
        }
    }

    fn file(&self, source: &Arc<Source>, includes: usize, depth: usize) -> Result<Block, Problem> {
        let mut lexer = Lexer::new(source.clone());
        let block = self.block(&mut lexer, includes, depth, false)?;
        Ok(block)
    }

    fn block(
        &self,
        lexer: &mut Lexer,
        includes: usize,
        depth: usize,
        inside: bool,
    ) -> Result<Block, Problem> {
        let mut block = Block::default();
        let mut above: Vec<String> = Vec::new();
        loop {
            match lexer.next()? {
                None if inside => {
                    let end = lexer.end();
                    return Err(Problem::new(&end, "unexpected end of file, expecting \"}\"")
                        .help("a block that was opened is never closed"));
                }
                None => break,
                Some(Token::Close(_)) if inside => break,
                Some(Token::Close(place)) => return Err(Problem::new(&place, "unexpected \"}\"")),
                Some(Token::Open(place)) => return Err(Problem::new(&place, "unexpected \"{\"")),
                Some(Token::End(place)) => return Err(Problem::new(&place, "unexpected \";\"")),
                Some(Token::Comment(text, beside)) => {
                    match block
                        .directives
                        .last_mut()
                        .filter(|last| beside && above.is_empty() && last.beside.is_none())
                    {
                        Some(last) => last.beside = Some(text),
                        None => above.push(text),
                    }
                }
                Some(Token::Word(name)) => {
                    let mut directive = self.directive(lexer, name, includes, depth)?;
                    above.append(&mut directive.above);
                    directive.above = std::mem::take(&mut above);
                    block.directives.push(directive);
                }
            }
        }
        block.below = above;
        Ok(block)
    }

    fn directive(
        &self,
        lexer: &mut Lexer,
        name: Word,
        includes: usize,
        depth: usize,
    ) -> Result<Directive, Problem> {
        let mut place = name.place.clone();
        let mut words = vec![name];
        let mut above = Vec::new();
        let body = loop {
            match lexer.next()? {
                None => {
                    let end = lexer.end();
                    let line = place.line();
                    return Err(Problem::new(&end, "unexpected end of file, expecting \";\" or \"}\"")
                        .help(format!("the directive of line {line} has no \";\"")));
                }
                Some(Token::Word(word)) => {
                    place = place.to(&word.place);
                    words.push(word);
                }
                Some(Token::Comment(text, _)) => above.push(text),
                Some(Token::Close(close)) => {
                    return Err(Problem::new(&close, "unexpected \"}\"")
                        .help(format!("the directive of line {} has no \";\"", place.line())));
                }
                Some(Token::End(end)) => {
                    place = place.to(&end);
                    break Body::None;
                }
                Some(Token::Open(open)) => {
                    if depth >= DEEPEST {
                        return Err(Problem::new(&open, "blocks are nested too deeply"));
                    }
                    place = place.to(&open);
                    if words.first().is_some_and(|name| name.text.ends_with("_by_lua_block")) {
                        lexer.skip_lua()?;
                        break Body::Block(Block::default());
                    }
                    break Body::Block(self.block(lexer, includes, depth + 1, true)?);
                }
            }
        };
        let mut directive = Directive { words, body, above, beside: None, place };
        if directive.name() == "include" && directive.args().len() == 1 && directive.block().is_none() {
            directive.body = Body::Included(self.include(&directive, includes, depth)?);
        }
        Ok(directive)
    }

    fn include(&self, directive: &Directive, includes: usize, depth: usize) -> Result<Vec<Block>, Problem> {
        let name = directive.arg(0);
        if includes >= INCLUDES {
            return Err(Problem::new(
                &directive.place,
                format!("cannot include \"{name}\": includes are nested too deeply"),
            ));
        }
        let path = self.directory.join(name);
        let paths = if name.contains(['*', '?', '[']) { self.files.glob(&path) } else { vec![path] };
        let mut blocks = Vec::new();
        for path in paths {
            match self.included(directive, &path, includes, depth) {
                Ok(block) => blocks.push(block),
                Err(problem) => {
                    let mut problems = self.problems.borrow_mut();
                    problems.push(problem.clone());
                    if problems.len() >= MOST {
                        return Err(problem);
                    }
                }
            }
        }
        Ok(blocks)
    }

    fn included(
        &self,
        directive: &Directive,
        path: &Path,
        includes: usize,
        depth: usize,
    ) -> Result<Block, Problem> {
        let bytes = self.files.read(path).map_err(|error| {
            let message = format!("open() \"{}\" failed ({})", path.display(), system(&error));
            Problem::new(&directive.place, message)
        })?;
        self.file(&source(&path.display().to_string(), &bytes)?, includes + 1, depth)
    }
}

impl Lexer {
    /// The end of the file.
    pub(crate) fn end(&self) -> Place {
        let mut place = self.place(0..0);
        let length = place.source.text().trim_end().len();
        place.range = length..length;
        place
    }
}

/// A file's text: UTF-8 but for comments.
pub(crate) fn source(name: &str, bytes: &[u8]) -> Result<Arc<Source>, Problem> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => return Ok(Arc::new(Source::new(name, text))),
        Err(_) => String::from_utf8_lossy(bytes),
    };
    let source = Arc::new(Source::new(name, &text));
    // What is lost in comments is no loss.
    let mut lexer = Lexer::new(source.clone());
    while let Ok(Some(token)) = lexer.next() {
        match token {
            Token::Word(word) if word.text.contains(char::REPLACEMENT_CHARACTER) => {
                return Err(
                    Problem::new(&word.place, "the file is not UTF-8").help("convert the file to UTF-8")
                );
            }
            _ => {}
        }
    }
    Ok(source)
}

/// An error of the system's in nginx's words: `2: No such file or directory`.
pub(crate) fn system(error: &std::io::Error) -> String {
    match error.raw_os_error() {
        Some(code) => {
            let text = error.to_string();
            let text = text.split(" (os error").next().unwrap_or_default();
            format!("{code}: {text}")
        }
        None => error.to_string(),
    }
}
