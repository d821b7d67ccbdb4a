//! Which traces are recorded. Pure.

use crate::{TraceContext, TraceId};

/// A share of all traces.
///
/// Who belongs to it is told by the last 7 bytes of the trace's id, which are random: so all who ask for the same share, here or
/// elsewhere, have the same traces, and those of a smaller share are among those of a larger one.
///
/// ```
/// use propylon_trace::{Ratio, TraceId};
///
/// assert!(Ratio::ALL.has(TraceId::random()) && !Ratio::NONE.has(TraceId::random()));
/// assert_eq!(Ratio::of(0.0), Ratio::NONE);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ratio(u64);

/// What the last 7 bytes of an id are below.
const WHOLE: u64 = 1 << 56;

impl Ratio {
    /// Every trace.
    pub const ALL: Self = Self(WHOLE);
    /// No trace.
    pub const NONE: Self = Self(0);

    /// This share, from 0 to 1.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is between 0 and 2^56, where a float is precise enough for a share"
    )]
    pub fn of(share: f64) -> Self {
        Self((share.clamp(0.0, 1.0) * WHOLE as f64) as u64)
    }

    /// Whether a trace belongs to it.
    #[must_use]
    pub fn has(self, trace: TraceId) -> bool {
        let [.., a, b, c, d, e, f, g] = trace.to_bytes();
        u64::from_be_bytes([0, a, b, c, d, e, f, g]) >= WHOLE - self.0
    }
}

/// Decides which traces are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sampler {
    ratio: Ratio,
    parent_based: bool,
}

impl Sampler {
    /// Records this share of traces. A parent's decision is obeyed, where there is a parent.
    #[must_use]
    pub const fn new(ratio: Ratio) -> Self {
        Self { ratio, parent_based: true }
    }

    /// Whether a parent's decision counts, if there is one. Default: it does.
    #[must_use]
    pub const fn parent_based(mut self, on: bool) -> Self {
        self.parent_based = on;
        self
    }

    /// Whether a span of this trace is recorded.
    #[must_use]
    pub fn samples(self, trace: TraceId, parent: Option<&TraceContext>) -> bool {
        match parent.filter(|_| self.parent_based) {
            Some(parent) => parent.flags.is_sampled(),
            None => self.ratio.has(trace),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Flags;

    #[test]
    fn a_share_is_that_large_and_has_the_smaller_ones() {
        let (small, large) = (Ratio::of(0.1), Ratio::of(0.25));
        let traces: Vec<TraceId> = (0..20_000).map(|_| TraceId::random()).collect();
        let count = |ratio: Ratio| traces.iter().filter(|trace| ratio.has(**trace)).count();
        assert!((1700..2300).contains(&count(small)), "{}", count(small));
        assert!((4500..5500).contains(&count(large)), "{}", count(large));
        assert!(traces.iter().all(|trace| !small.has(*trace) || large.has(*trace)));
        assert_eq!((count(Ratio::ALL), count(Ratio::NONE)), (20_000, 0));
    }

    #[test]
    fn the_last_seven_bytes_decide() {
        let half = Ratio::of(0.5);
        let trace = |number| TraceId::new(number).unwrap();
        assert!(half.has(trace(0x80_0000_0000_0000)) && !half.has(trace(0x7f_ffff_ffff_ffff)));
        assert!(!half.has(trace(0xffff_ff00_0000_0000_0000 << 56)));
    }

    #[test]
    fn a_parent_is_obeyed() {
        let parent = |flags| TraceContext { flags, ..TraceContext::root() };
        let (on, off) = (parent(Flags::SAMPLED), parent(Flags::NONE));
        let check = |sampler: Sampler, parent: Option<&TraceContext>, expected: bool| {
            assert_eq!(sampler.samples(TraceId::random(), parent), expected, "{sampler:?} {parent:?}");
        };
        let (all, none) = (Sampler::new(Ratio::ALL), Sampler::new(Ratio::NONE));
        check(all, Some(&off), false);
        check(all, Some(&on), true);
        check(all, None, true);
        check(none, Some(&on), true);
        check(none, None, false);
        check(all.parent_based(false), Some(&off), true);
        check(none.parent_based(false), Some(&on), false);
    }
}
