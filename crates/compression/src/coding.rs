//! Which coding a client prefers: no tower, no I/O.

use http::header::ACCEPT_ENCODING;
use http::{HeaderMap, HeaderValue};

/// A content coding (RFC 9110 8.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Coding {
    /// `gzip`
    Gzip,
    /// `br`
    Brotli,
    /// `zstd`
    Zstd,
}

impl Coding {
    /// Its name in `Accept-Encoding` and `Content-Encoding`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }

    fn is_named(self, name: &[u8]) -> bool {
        name.eq_ignore_ascii_case(self.name().as_bytes())
            || self == Self::Gzip && name.eq_ignore_ascii_case(b"x-gzip")
    }
}

/// The coding that a request weighs most (RFC 9110 12.5.3), among equals the first of `offered`; `None` if none of them is
/// acceptable, or no coding at all weighs more.
pub(crate) fn preferred(request: &HeaderMap, offered: &[Coding]) -> Option<Coding> {
    let weight = |named: &dyn Fn(&[u8]) -> bool| {
        let mut found = None;
        for item in request.get_all(ACCEPT_ENCODING).iter().flat_map(items) {
            let mut parts = item.split(|byte| *byte == b';');
            if named(parts.next().unwrap_or_default().trim_ascii()) {
                found = Some(parts.find_map(quality).unwrap_or(1000));
            }
        }
        found
    };
    let any = weight(&|name| name == b"*");
    let identity = weight(&|name| name.eq_ignore_ascii_case(b"identity")).unwrap_or(0);
    let mut best = None;
    for coding in offered {
        let weight = weight(&|name| coding.is_named(name)).or(any).unwrap_or(0);
        if weight > 0 && weight >= identity && best.is_none_or(|(_, most)| weight > most) {
            best = Some((*coding, weight));
        }
    }
    best.map(|(coding, _)| coding)
}

fn items(value: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    value.as_bytes().split(|byte| *byte == b',')
}

/// `q=0.5` in thousandths; what is none weighs nothing.
fn quality(parameter: &[u8]) -> Option<u32> {
    let (name, value) = parameter.trim_ascii().split_at_checked(2)?;
    if !name.eq_ignore_ascii_case(b"q=") {
        return None;
    }
    let quality = std::str::from_utf8(value).ok().and_then(|text| text.parse::<f32>().ok());
    let thousandths = quality.filter(|q| (0.0..=1.0).contains(q)).map_or(0.0, |q| q * 1000.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 1000")]
    Some(thousandths as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(accepts: &[&str], expected: Option<Coding>) {
        let mut headers = HeaderMap::new();
        for value in accepts {
            headers.append(ACCEPT_ENCODING, value.parse().unwrap());
        }
        let offered = [Coding::Brotli, Coding::Zstd, Coding::Gzip];
        assert_eq!(preferred(&headers, &offered), expected, "{accepts:?}");
    }

    #[test]
    fn the_clients_preference_and_then_ours() {
        use Coding::{Brotli, Gzip, Zstd};
        check(&[], None);
        check(&[""], None);
        check(&["gzip"], Some(Gzip));
        check(&["GZIP"], Some(Gzip));
        check(&["x-gzip"], Some(Gzip));
        check(&["gzip, deflate, br, zstd"], Some(Brotli));
        check(&["gzip", "zstd"], Some(Zstd));
        check(&["gzip;q=1.0, br;q=0.5"], Some(Gzip));
        check(&["gzip; q=0.2, zstd ; Q=0.3"], Some(Zstd));
        check(&["gzip;q=0"], None);
        check(&["gzip;q=0.000, *"], Some(Brotli));
        check(&["*"], Some(Brotli));
        check(&["*;q=0"], None);
        check(&["identity"], None);
        check(&["identity, gzip;q=0.5"], None);
        check(&["identity;q=0.5, gzip;q=0.5"], Some(Gzip));
        check(&["gzipped, br0tli, deflate"], None);
        check(&["gzip;q=x"], None);
        check(&["gzip;q=7"], None);
        check(&["gzip;q=-1"], None);
    }
}
