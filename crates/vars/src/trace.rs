//! What is known of a request's trace.

use propylon_exchange::Exchange;

use crate::out::Out;

/// The variables of a request's trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trace {
    Id,
    SpanId,
    ParentId,
    ParentSampled,
}

impl Trace {
    /// Writes the value; says whether there is one.
    #[inline(never)] // few logs have it
    pub(crate) fn write(self, exchange: &Exchange, out: &mut Out<'_>) -> bool {
        let value = exchange.with_trace(|trace| match self {
            Self::Id => Some(format!("{:032x}", trace.id)),
            Self::SpanId => Some(format!("{:016x}", trace.span)),
            Self::ParentId => trace.parent.map(|parent| format!("{parent:016x}")),
            Self::ParentSampled => Some(u8::from(trace.parent_sampled).to_string()),
        });
        out.option(value.flatten().as_deref().map(str::as_bytes))
    }
}
