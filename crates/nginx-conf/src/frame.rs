//! What is known of a block while it is being read.

use std::collections::HashMap;

use crate::context::Contexts;
use crate::document::Section;
use crate::lexer::Word;
use crate::place::Place;

/// A block that is being read.
pub(crate) struct Frame {
    pub(crate) context: Contexts,
    pub(crate) section: Section,
    /// `location`'s argument, `upstream`'s name.
    pub(crate) name: String,
    /// Whether anything in it was refused.
    pub(crate) refused: bool,
    /// Whether there are steps of the rewrite module in it.
    pub(crate) steps: bool,
    seen: HashMap<&'static str, Place>,
    /// Words that are put together when the block ends, by directive.
    collected: HashMap<&'static str, Vec<Word>>,
}

impl Frame {
    pub(crate) fn new(context: Contexts, section: Section, name: impl Into<String>) -> Self {
        Self {
            context,
            section,
            name: name.into(),
            refused: false,
            steps: false,
            seen: HashMap::new(),
            collected: HashMap::new(),
        }
    }

    pub(crate) fn collect(&mut self, name: &'static str, words: &[Word]) {
        self.collected.entry(name).or_default().extend_from_slice(words);
    }

    pub(crate) fn collected(&self, name: &str) -> &[Word] {
        self.collected.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// The directive stands here; gives where it stood before.
    pub(crate) fn saw(&mut self, name: &'static str, place: &Place) -> Option<Place> {
        self.seen.insert(name, place.clone())
    }

    /// Where the directive stands in this block.
    pub(crate) fn place_of(&self, name: &str) -> Option<&Place> {
        self.seen.get(name)
    }

    /// Whether the directive stood in this block.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.seen.contains_key(name)
    }
}
