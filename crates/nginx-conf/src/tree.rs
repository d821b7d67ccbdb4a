use crate::lexer::Word;
use crate::place::Place;

/// A directive with everything around it.
#[derive(Clone, Debug)]
pub(crate) struct Directive {
    /// The name first, then the arguments.
    pub(crate) words: Vec<Word>,
    /// What follows the words.
    pub(crate) body: Body,
    /// The comment lines above it, without their `#`.
    pub(crate) above: Vec<String>,
    /// The comment at the end of its line.
    pub(crate) beside: Option<String>,
    /// From the name to the semicolon or the opening brace.
    pub(crate) place: Place,
}

/// What a directive has after its words.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    /// A semicolon.
    None,
    /// A block.
    Block(Block),
    /// It is an `include`: what the files hold.
    Included(Vec<Block>),
}

/// The inside of a block, or of a file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Block {
    /// The directives.
    pub(crate) directives: Vec<Directive>,
    /// The comment lines after the last one.
    pub(crate) below: Vec<String>,
}

impl Directive {
    /// The name.
    pub(crate) fn name(&self) -> &str {
        self.words.first().map_or("", |word| &word.text)
    }

    /// The arguments.
    pub(crate) fn args(&self) -> &[Word] {
        self.words.get(1..).unwrap_or_default()
    }

    /// The text of an argument; empty if there is none.
    pub(crate) fn arg(&self, index: usize) -> &str {
        self.args().get(index).map_or("", |word| &word.text)
    }

    /// The block, if it has one.
    pub(crate) const fn block(&self) -> Option<&Block> {
        match &self.body {
            Body::Block(block) => Some(block),
            _ => None,
        }
    }

    /// Where an argument stands; the directive itself if there is none.
    pub(crate) fn place_of(&self, index: usize) -> &Place {
        self.args().get(index).map_or(&self.place, |word| &word.place)
    }
}
