//! What may be stored, how long it is fresh, and what may be answered with it: pure functions of heads and times. No
//! clock, no I/O, no tower.

mod directives;
mod fields;
mod reuse;
mod rules;
mod status;
mod storing;
mod targeted;
mod terms;
pub mod validation;
pub mod vary;

pub use directives::{Delta, RequestDirectives, ResponseDirectives};
pub use fields::strip_connection;
pub use reuse::{Freshness, Reuse};
pub use rules::{Conditions, Failure, Ignore, Rules, Valid};
pub use status::{Forward, Handling};
pub use storing::{Answer, Refusal, Storable, Times, judge};
pub use terms::Terms;

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue};

    /// Fields, of which one may stand several times.
    pub(super) fn map(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        fields
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .fold(HeaderMap::new(), |mut map, (name, value)| {
                map.append(name, value);
                map
            })
    }
}
