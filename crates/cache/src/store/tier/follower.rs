//! Following the journal: what others purge is purged here, and what is purged here is told to the others.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::time::Instant;
use xxhash_rust::xxh3::xxh3_64;

use super::journal::{Last, Read, read_on};
use super::link::{Command, Link};
use super::order::Order;
use super::{Mark, TierError, TierEvent};
use crate::store::purge::{Purge, Strength};
use crate::store::shared::Shared;

/// Does so for ever.
pub(super) async fn run(shared: &Arc<Shared>, link: &Arc<Link>) {
    let mut follower = Follower::new(shared, link).await;
    let mut due = Instant::now();
    loop {
        while let Some(command) = link.next_command() {
            follower.obey(command).await;
        }
        let hurries = link.take_hurry() && link.is_up();
        if hurries || Instant::now() >= due {
            due = match follower.go_on().await {
                Ok(()) => Instant::now() + link.options.poll,
                Err(error) => {
                    link.fault(&error);
                    let busy = matches!(error, TierError::Busy);
                    Instant::now() + if busy { link.options.poll } else { link.options.pause }
                }
            };
        }
        // It failed meanwhile, for this or for a request.
        if let Some(resume) = link.take_resume() {
            due = resume;
        }
        let _ = tokio::time::timeout_at(due, link.wake.notified()).await;
    }
}

struct Follower<'a> {
    shared: &'a Arc<Shared>,
    link: &'a Arc<Link>,
    here: Here,
    saved: Option<Last>,
}

/// Which purges what is kept here has been through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Here {
    /// Nobody knows: it all goes when the journal was read.
    Unknown,
    /// All up to this one, as was noted when this zone was followed the last time.
    Until(Last),
    /// All that are known.
    All,
}

impl<'a> Follower<'a> {
    async fn new(shared: &'a Arc<Shared>, link: &'a Arc<Link>) -> Self {
        let saved = match note(shared) {
            Some(path) => {
                let name = link.tier.name().to_owned();
                let read = move || read_note(&fs::read(path).ok()?, &name);
                tokio::task::spawn_blocking(read).await.ok().flatten()
            }
            None => None,
        };
        let settled = *link.settled.lock();
        let known = link.known.lock().last();
        let here = if settled.is_some() && settled == known {
            Here::All
        } else {
            // Whoever followed before has stopped between knowing of a purge and obeying it, or nobody has.
            link.forget_journal();
            settled.or(saved).map_or(Here::Unknown, Here::Until)
        };
        Self { shared, link, here, saved }
    }

    /// Reads on; or begins again, if it failed.
    async fn go_on(&mut self) -> Result<(), TierError> {
        let link = self.link;
        let up = link.is_up();
        if !up {
            link.within(link.tier.connect()).await?;
        }
        self.catch_up().await?;
        self.pay().await?;
        self.trust().await?;
        if !up {
            link.reached();
        }
        Ok(())
    }

    /// Something was to be forgotten there and perhaps was not: what is older than an entry that is appended for that is not
    /// taken any more.
    async fn trust(&mut self) -> Result<(), TierError> {
        let link = self.link;
        // There may be more by then. What is cut short is begun again.
        while let Some(doubts) = link.doubts() {
            let order = Order::begin(self.shared.generation());
            link.within(link.tier.append(order.encode(), None)).await?;
            self.catch_up().await?;
            link.known.lock().distrust();
            link.trust(doubts);
        }
        Ok(())
    }

    /// Reads the journal up to its end.
    async fn catch_up(&mut self) -> Result<(), TierError> {
        let link = self.link;
        let mut began = false;
        loop {
            let last = link.known.lock().last();
            let journal = link.within(link.tier.journal(last.map(|last| last.mark))).await?;
            let Read::New(new) = read_on(last, &journal) else {
                // It has forgotten what was known, and perhaps more.
                link.forget_journal();
                self.here = Here::Unknown;
                continue;
            };
            for (last, order) in new {
                self.take_note(last, order, false).await;
            }
            if journal.more {
                continue;
            }
            if link.known.lock().last().is_some() {
                break;
            }
            if std::mem::replace(&mut began, true) {
                return Err(TierError::Unusable("its journal keeps nothing".into()));
            }
            let begin = Order::begin(self.shared.generation());
            link.within(link.tier.append(begin.encode(), None)).await?;
        }
        if self.here != Here::All {
            self.here = Here::All;
            let last = link.known.lock().last();
            if self.shared.purge_here(&Purge::All, Strength::Hard).await > 0 {
                (link.options.observer)(&TierEvent::Emptied);
            }
            *link.settled.lock() = last;
        }
        self.save().await;
        Ok(())
    }

    /// An entry of the journal. First it is known and then obeyed: whoever stores something meanwhile asks what is known
    /// afterwards.
    async fn take_note(&mut self, last: Last, order: Order, own: bool) -> u64 {
        self.link.known.lock().add(last, order.clone());
        let paid = self.link.standing.owed.lock().contains(&order);
        let mut purged = 0;
        match (self.here, order.what) {
            (Here::Until(saved), _) if saved == last => self.here = Here::All,
            _ if paid => {} // it has been in force here for long
            (Here::All, Some(what)) => {
                self.link.counters.obeyed.fetch_add(u64::from(!own), Ordering::Relaxed);
                purged = self.shared.purge_here(&what, order.strength).await;
            }
            _ => {}
        }
        if self.here == Here::All {
            *self.link.settled.lock() = Some(last);
        }
        purged
    }

    /// Orders what is owed. What is refused is owed further on.
    async fn pay(&mut self) -> Result<(), TierError> {
        let mut paid = false;
        loop {
            let Some(order) = self.link.standing.owed.lock().front().cloned() else { break };
            match self.link.within(self.link.tier.append(order.encode(), None)).await {
                Ok(()) => {}
                Err(TierError::Refused(_)) => break,
                Err(error) => return Err(error),
            }
            self.link.counters.ordered.fetch_add(1, Ordering::Relaxed);
            // It is in the journal before it is forgotten here. If others were owed meanwhile, all may be one by now.
            self.catch_up().await?;
            let mut owed = self.link.standing.owed.lock();
            if owed.front() == Some(&order) {
                owed.pop_front();
            }
            paid = true;
        }
        if paid { self.catch_up().await } else { Ok(()) }
    }

    /// A purge of this process's.
    async fn obey(&mut self, command: Command) {
        let Command { what, strength, reply } = command;
        let order = Order::purge(&what, strength, self.shared.generation());
        let outcome = match self.tell(&what, &order).await {
            Ok(purged) => (purged, Ok(())),
            Err(error) => {
                // It is in force here, and with whatever else is owed it will be with the others.
                self.link.owe(order);
                (self.shared.purge_here(&what, strength).await, Err(error))
            }
        };
        let _ = reply.send(outcome); // whoever asked for it may have left
    }

    async fn tell(&mut self, what: &Purge, order: &Order) -> Result<u64, TierError> {
        let link = self.link;
        if !link.is_up() {
            return Err(TierError::LeftAlone);
        }
        let place = if let Purge::Key(key) = what { Some(super::Place::of(key)) } else { None };
        if let Err(error) = link.within(link.tier.append(order.encode(), place.as_ref())).await {
            if !matches!(error, TierError::Refused(_)) {
                link.fault(&error);
            }
            return Err(error);
        }
        link.counters.ordered.fetch_add(1, Ordering::Relaxed);
        // It has come after others, which are obeyed first. If they cannot be read, it is obeyed all the same.
        match self.read_own(order).await {
            Ok(Some(purged)) => return Ok(purged),
            Ok(None) => {}
            Err(error) => link.fault(&error),
        }
        Ok(self.shared.purge_here(what, order.strength).await)
    }

    /// Reads the journal up to this order. None: it is not there any more.
    async fn read_own(&mut self, order: &Order) -> Result<Option<u64>, TierError> {
        let link = self.link;
        let mut found = None;
        loop {
            let last = link.known.lock().last();
            let journal = link.within(link.tier.journal(last.map(|last| last.mark))).await?;
            let Read::New(new) = read_on(last, &journal) else {
                self.catch_up().await?;
                return Ok(None);
            };
            for (last, other) in new {
                let own = other == *order;
                let purged = self.take_note(last, other, own).await;
                if own {
                    found = Some(purged);
                }
            }
            if !journal.more {
                self.save().await;
                return Ok(found);
            }
        }
    }

    /// Notes, beside the files of a zone on disk, which purges they have been through.
    async fn save(&mut self) {
        let last = self.link.known.lock().last();
        let Some((last, path)) = last.zip(note(self.shared)).filter(|(last, _)| self.saved != Some(*last))
        else {
            return;
        };
        let text = write_note(last, self.link.tier.name());
        let write = move || {
            let temporary = path.with_extension("new");
            fs::write(&temporary, text).and_then(|()| fs::rename(temporary, path))
        };
        // What is not noted is obeyed again after a restart.
        if let Ok(Ok(())) = tokio::task::spawn_blocking(write).await.map(|written: io::Result<()>| written) {
            self.saved = Some(last);
        }
    }
}

fn note(shared: &Shared) -> Option<PathBuf> {
    Some(shared.disk.as_ref()?.root().join(".propylon-tier"))
}

fn write_note(last: Last, name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for number in [last.mark.time, last.mark.count, last.sum] {
        out.extend(number.to_le_bytes());
    }
    out.extend(name.as_bytes());
    let sum = xxh3_64(&out);
    out.extend(sum.to_le_bytes());
    out
}

/// None if it is not whole, or about another tier.
fn read_note(note: &[u8], name: &str) -> Option<Last> {
    let (note, sum) = note.split_last_chunk::<8>()?;
    if u64::from_le_bytes(*sum) != xxh3_64(note) {
        return None;
    }
    let number = |note: &mut &[u8]| {
        let (first, rest) = note.split_first_chunk::<8>()?;
        *note = rest;
        Some(u64::from_le_bytes(*first))
    };
    let mut rest = note;
    let mark = Mark { time: number(&mut rest)?, count: number(&mut rest)? };
    let sum = number(&mut rest)?;
    (rest == name.as_bytes()).then_some(Last { mark, sum })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_about_one_tier_and_whole() {
        let last = Last { mark: Mark { time: 1, count: 2 }, sum: 3 };
        let note = write_note(last, "redis://a");
        assert_eq!(read_note(&note, "redis://a"), Some(last));
        assert_eq!(read_note(&note, "redis://b"), None);
        for at in 0..note.len() {
            let mut other = note.clone();
            other[at] ^= 1;
            assert_eq!(read_note(&other, "redis://a"), None);
            assert_eq!(read_note(&note[..at], "redis://a"), None);
        }
    }
}
