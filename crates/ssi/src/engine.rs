//! A page on its way: its pieces are obeyed as they come, what is included is asked for at once and shown in its turn.

use std::collections::VecDeque;
use std::fmt;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;

use crate::command::{Parser, Piece};
use crate::included::{BoxError, Ended, Part};
use crate::page::{Inclusion, Output, Page};
use crate::rules::Rules;
use crate::{Error, Host};

/// How many inclusions of a page are under way at once.
const AT_ONCE: usize = 16;
/// How much text waits behind them.
const BEHIND: usize = 64 << 10;
/// In how many blocks a block may be shown.
const DEEPEST: u8 = 50;

/// A page, or a block of it.
pub(crate) struct Engine {
    host: Arc<dyn Host>,
    rules: Arc<Rules>,
    parser: Parser,
    page: Page,
    /// What came and was not looked at.
    coming: Bytes,
    /// Whether nothing else comes.
    read: bool,
    queue: VecDeque<Item>,
    /// How much text is in the queue.
    text: usize,
    /// How many inclusions are.
    parts: usize,
    /// Whether one of them has to be complete before anything else is looked at.
    waits: bool,
    depth: u8,
}

enum Item {
    Text(Bytes),
    Part(Box<Part>),
    /// A block that is shown.
    Block(Box<Engine>),
}

/// What an engine has next.
pub(crate) enum Next {
    Data(Bytes),
    /// It wants more of the page.
    More,
    End,
}

impl Engine {
    pub(crate) fn new(host: Arc<dyn Host>, rules: Arc<Rules>) -> Self {
        Self {
            parser: Parser::new(rules.value_length),
            page: Page::new(rules.silent_errors),
            host,
            rules,
            coming: Bytes::new(),
            read: false,
            queue: VecDeque::new(),
            text: 0,
            parts: 0,
            waits: false,
            depth: 0,
        }
    }

    /// A block, all of which is there.
    fn block(&self, text: Bytes) -> Self {
        let mut block = Self::new(self.host.clone(), self.rules.clone());
        block.depth = self.depth + 1;
        block.push(text);
        block.end();
        block
    }

    /// More of the page, if it [wants](Next::More) some.
    pub(crate) fn push(&mut self, data: Bytes) {
        self.coming = data;
    }

    /// The page has come to its end.
    pub(crate) fn end(&mut self) {
        self.read = true;
    }

    /// What is to be sent next.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Next, BoxError>> {
        loop {
            self.look();
            for item in &mut self.queue {
                if let Item::Part(part) = item {
                    part.ask(cx); // all at once
                }
            }
            if self.queue.is_empty() {
                // Then nothing kept it from looking at all that came.
                return Poll::Ready(Ok(if self.read { Next::End } else { Next::More }));
            }
            match self.poll_front(cx) {
                Poll::Ready(Ok(Some(data))) => return Poll::Ready(Ok(Next::Data(data))),
                Poll::Ready(Ok(None)) => {}
                Poll::Ready(Err(error)) => {
                    self.queue.clear();
                    return Poll::Ready(Err(error));
                }
                Poll::Pending if self.wants_more() => return Poll::Ready(Ok(Next::More)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Whether what comes can be looked at.
    fn is_open(&self) -> bool {
        !self.waits && self.parts < AT_ONCE && self.text < BEHIND
    }

    fn wants_more(&self) -> bool {
        self.is_open() && self.coming.is_empty() && !self.read
    }

    /// Looks at what came, as far as that is possible now.
    fn look(&mut self) {
        while self.is_open() {
            let Some(piece) = self.parser.next(&mut self.coming) else { break };
            self.obey(piece);
        }
        if self.read
            && self.is_open()
            && self.coming.is_empty()
            && let Some(piece) = self.parser.finish()
        {
            self.obey(piece);
        }
    }

    fn obey(&mut self, piece: Piece) {
        let host = &*self.host;
        let output = match piece {
            Piece::Text(text) => self.page.text(host, text),
            Piece::Command(command) => self.page.command(host, &command),
            Piece::Broken(error) => self.page.failed(host, &error),
        };
        match output {
            None => {}
            Some(Output::Text(text)) if text.is_empty() => {}
            Some(Output::Text(text)) => {
                self.text += text.len();
                self.queue.push_back(Item::Text(text));
            }
            Some(Output::Inclusion(inclusion)) => self.include(inclusion),
        }
    }

    fn include(&mut self, inclusion: Inclusion) {
        self.parts += 1;
        self.waits = inclusion.waits;
        let part = Part::new(&*self.host, inclusion, self.rules.output_size);
        self.queue.push_back(Item::Part(Box::new(part)));
    }

    /// What the first of the queue has; nothing if it went.
    fn poll_front(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, BoxError>> {
        match self.queue.front_mut() {
            None => Poll::Ready(Ok(None)),
            Some(Item::Text(text)) => {
                let text = mem::take(text);
                self.text -= text.len();
                self.queue.pop_front();
                Poll::Ready(Ok((!text.is_empty()).then_some(text)))
            }
            Some(Item::Part(part)) => match ready!(part.poll(cx)) {
                Ok(data) => Poll::Ready(Ok(Some(data))),
                Err(ended) => Poll::Ready(self.part_ended(ended)),
            },
            Some(Item::Block(block)) => match ready!(block.poll_next(cx))? {
                Next::Data(data) => Poll::Ready(Ok(Some(data))),
                Next::More | Next::End => {
                    self.queue.pop_front();
                    Poll::Ready(Ok(None))
                }
            },
        }
    }

    /// What comes of a part at its end, in its place.
    fn part_ended(&mut self, ended: Ended) -> Result<Option<Bytes>, BoxError> {
        self.queue.pop_front();
        self.parts -= 1;
        self.waits &= self.parts > 0; // it is the last, for nothing behind it is looked at
        match ended {
            Ended::Shown => {}
            Ended::Failed(error) => return Err(error),
            Ended::Wrong(error) => self.show_error(&error),
            Ended::Set(name, value) => {
                if let Err(error) = self.host.shared().set(&name, value) {
                    self.show_error(&error);
                }
            }
            Ended::Replaced(_) if self.depth == DEEPEST => {
                self.show_error(&Error::NotIncluded("a too deeply nested block".to_owned()));
            }
            Ended::Replaced(block) => {
                let block = self.block(block);
                self.queue.push_front(Item::Block(Box::new(block)));
            }
        }
        Ok(None)
    }

    fn show_error(&mut self, error: &Error) {
        if let Some(Output::Text(text)) = self.page.failed(&*self.host, error) {
            self.text += text.len();
            self.queue.push_front(Item::Text(text));
        }
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("page", &self.page).field("parts", &self.parts).finish_non_exhaustive()
    }
}
