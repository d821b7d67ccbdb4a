//! Requests that wait for a place at a peer.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicUsize, fence};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use parking_lot::Mutex;

/// Who waits, in the order of coming; of all workers.
///
/// A place that becomes free is offered to the first one of the line. Who can make nothing of an offer keeps its place in the
/// line, and the offer goes on to the next one.
#[derive(Debug)]
pub(crate) struct Queue {
    size: usize,
    pub(crate) timeout: Duration,
    /// How many wait, and how many of them would take any place: looked at without the lock.
    waiting: AtomicUsize,
    easy: AtomicUsize,
    line: Mutex<Line>,
}

#[derive(Debug, Default)]
struct Line {
    next: u64,
    /// By the order of coming.
    waiters: BTreeMap<u64, Waiter>,
}

#[derive(Debug)]
struct Waiter {
    offer: Option<Offer>,
    waker: Option<Waker>,
    easy: bool,
}

/// What somebody who waits is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Offer {
    /// One place may be free: whoever makes something of it keeps it to itself.
    One,
    /// Any number of them may be: it goes down the whole line.
    Many,
}

impl Queue {
    pub(crate) fn new(size: usize, timeout: Duration) -> Self {
        let (waiting, easy) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self { size, timeout, waiting, easy, line: Mutex::default() }
    }

    pub(crate) fn is(&self, size: usize, timeout: Duration) -> bool {
        self.size == size && self.timeout == timeout
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(SeqCst)
    }

    /// How many may.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Whether somebody waits who would take any place: then none is free, or it is that one's.
    pub(crate) fn is_busy(&self) -> bool {
        self.easy.load(SeqCst) > 0
    }

    /// A place at the end of the line, if it is not too long; `easy`: one that takes any place at a peer.
    pub(crate) fn enter(&self, easy: bool) -> Option<Waiting<'_>> {
        let mut line = self.line.lock();
        if line.waiters.len() >= self.size {
            return None;
        }
        // What became free before anybody waited was offered to nobody: the first one looks for itself.
        let offer = (!self.is_busy()).then_some(Offer::One);
        let ticket = line.next;
        line.next += 1;
        line.waiters.insert(ticket, Waiter { offer, waker: None, easy });
        self.easy.fetch_add(usize::from(easy), SeqCst);
        self.waiting.fetch_add(1, SeqCst);
        fence(SeqCst); // who frees a place from here on sees that somebody waits
        Some(Waiting { queue: self, ticket })
    }

    /// There is room of which nobody was told, such as at a peer whose time of failure is over: the first of the line looks.
    pub(crate) fn nudge(&self) {
        let mut line = self.line.lock();
        if line.waiters.values().next().is_some_and(|first| first.offer.is_none()) {
            line.offer(0, Offer::One);
        }
    }

    /// A peer has room for one more.
    pub(crate) fn wake(&self) {
        self.offer(Offer::One);
    }

    /// There may be room for many.
    pub(crate) fn wake_all(&self) {
        self.offer(Offer::Many);
    }

    fn offer(&self, offer: Offer) {
        fence(SeqCst);
        if self.waiting.load(SeqCst) > 0 {
            self.line.lock().offer(0, offer);
        }
    }
}

impl Line {
    /// Offers it to the first one from `ticket` on who has no offer yet.
    fn offer(&mut self, ticket: u64, offer: Offer) {
        let mut rest = self.waiters.range_mut(ticket..).map(|(_, waiter)| waiter);
        let waiter = match offer {
            Offer::One => rest.find(|waiter| waiter.offer.is_none()),
            Offer::Many => rest.find(|waiter| waiter.offer != Some(Offer::Many)),
        };
        if let Some(waiter) = waiter {
            waiter.offer = Some(offer);
            if let Some(waker) = waiter.waker.take() {
                waker.wake();
            }
        }
    }
}

/// A place in the line; dropping it leaves, and passes on what was offered.
#[derive(Debug)]
pub(crate) struct Waiting<'a> {
    queue: &'a Queue,
    ticket: u64,
}

impl Waiting<'_> {
    /// Tries, each time that a place is offered, until it succeeds or fails for good.
    pub(crate) async fn until<P, E>(
        &self,
        mut attempt: impl FnMut() -> Option<Result<P, E>>,
    ) -> Result<P, E> {
        poll_fn(|cx| {
            while let Some(offer) = self.offered(cx) {
                let result = attempt();
                if offer == Offer::Many || !matches!(result, Some(Ok(_))) {
                    self.queue.line.lock().offer(self.ticket + 1, offer);
                }
                if let Some(result) = result {
                    return Poll::Ready(result);
                }
            }
            Poll::Pending
        })
        .await
    }

    fn offered(&self, cx: &Context<'_>) -> Option<Offer> {
        let mut line = self.queue.line.lock();
        let waiter = line.waiters.get_mut(&self.ticket)?;
        let offer = waiter.offer.take();
        // Before the attempt: what becomes free during it is not missed.
        waiter.waker = Some(cx.waker().clone());
        offer
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut line = self.queue.line.lock();
        let Some(waiter) = line.waiters.remove(&self.ticket) else { return };
        self.queue.waiting.fetch_sub(1, SeqCst);
        self.queue.easy.fetch_sub(usize::from(waiter.easy), SeqCst);
        if let Some(offer) = waiter.offer {
            line.offer(self.ticket, offer);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicU32;

    use tokio_test::task::{Spawn, spawn};

    use super::*;

    /// Places, and who may take them.
    #[derive(Clone)]
    struct Hall {
        queue: Arc<Queue>,
        free: Arc<AtomicU32>,
    }

    impl Hall {
        fn new() -> Self {
            Self { queue: Arc::new(Queue::new(9, Duration::from_secs(1))), free: Arc::new(AtomicU32::new(0)) }
        }

        /// Somebody who waits; `picky`: who wants none of these places.
        fn wait(&self, picky: bool) -> Spawn<impl Future<Output = Result<(), ()>> + use<>> {
            let hall = self.clone();
            let mut task = spawn(async move {
                let place = hall.queue.enter(!picky).ok_or(())?;
                let take = || {
                    let one = |free: u32| free.checked_sub(u32::from(!picky));
                    let taken = !picky && hall.free.fetch_update(SeqCst, SeqCst, one).is_ok();
                    taken.then_some(Ok(()))
                };
                place.until(take).await
            });
            assert!(task.poll().is_pending());
            task
        }

        fn release(&self, places: u32) {
            self.free.fetch_add(places, SeqCst);
            if places == 1 { self.queue.wake() } else { self.queue.wake_all() }
        }
    }

    #[test]
    fn the_first_comes_first_and_who_was_woken_in_vain_stays_the_first() {
        let hall = Hall::new();
        let (mut a, mut b) = (hall.wait(false), hall.wait(false));
        assert!(hall.queue.is_busy());
        hall.queue.wake(); // in vain: nothing is free
        assert!(a.is_woken() && !b.is_woken());
        assert!(a.poll().is_pending());
        assert!(b.is_woken() && b.poll().is_pending(), "the offer went on");
        hall.release(1);
        assert!(a.is_woken() && !b.is_woken());
        assert!(a.poll().is_ready());
        drop(a);
        hall.release(1);
        assert!(b.poll().is_ready());
        drop(b);
        assert!(!hall.queue.is_busy());
    }

    #[test]
    fn an_offer_that_is_of_no_use_goes_on() {
        let hall = Hall::new();
        let (mut picky, mut left) = (hall.wait(true), hall.wait(false));
        assert!(hall.queue.is_busy());
        let mut last = hall.wait(false);
        hall.release(1);
        assert!(picky.is_woken() && picky.poll().is_pending());
        assert!(left.is_woken() && !last.is_woken());
        drop(left); // its client left before it could take it
        assert!(last.is_woken() && last.poll().is_ready());
        drop(last);
        assert!(!hall.queue.is_busy(), "whoever comes need not wait behind one that wants no such place");
        left = hall.wait(false);
        drop((picky, left));
        assert!(hall.queue.line.lock().waiters.is_empty());
    }

    #[test]
    fn many_places_are_for_many() {
        let hall = Hall::new();
        let mut all: Vec<_> = (0..5).map(|n| hall.wait(n == 1)).collect();
        hall.release(2);
        let served: Vec<_> = all.iter_mut().map(|task| task.is_woken() && task.poll().is_ready()).collect();
        assert_eq!(served, [true, false, true, false, false]);
    }

    #[test]
    fn it_has_an_end() {
        let hall = Hall::new();
        let _all: Vec<_> = (0..9).map(|_| hall.wait(false)).collect();
        assert!(hall.queue.enter(true).is_none());
    }
}
