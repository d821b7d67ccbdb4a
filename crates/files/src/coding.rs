//! Which of the files that were compressed beforehand a client takes (RFC 9110 section 12.5.3). Pure.

use http::header::ACCEPT_ENCODING;
use http::{HeaderMap, HeaderValue};

/// A coding that files may have been compressed with beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Coding {
    /// `NAME.gz` (nginx: `gzip_static`).
    Gzip,
    /// `NAME.br`.
    Brotli,
    /// `NAME.zst`.
    Zstd,
}

impl Coding {
    pub(crate) const fn suffix(self) -> &'static str {
        match self {
            Self::Gzip => ".gz",
            Self::Brotli => ".br",
            Self::Zstd => ".zst",
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }
}

/// Those of `offered` that the client takes: the one that it likes best first, else in the order offered.
pub(crate) fn accepted(headers: &HeaderMap, offered: &[Coding]) -> Vec<Coding> {
    if offered.is_empty() || !headers.contains_key(ACCEPT_ENCODING) {
        return Vec::new();
    }
    let lines = || headers.get_all(ACCEPT_ENCODING).iter().map(HeaderValue::as_bytes);
    let mut liked: Vec<(u16, Coding)> = offered
        .iter()
        .map(|&coding| (quality(lines(), coding.name()), coding))
        .filter(|(quality, _)| *quality > 0)
        .collect();
    liked.sort_by_key(|(quality, _)| std::cmp::Reverse(*quality));
    liked.into_iter().map(|(_, coding)| coding).collect()
}

/// How much a coding is liked, in thousandths; 0: not at all.
fn quality<'a>(lines: impl Iterator<Item = &'a [u8]>, name: &str) -> u16 {
    let mut any = 0;
    for item in lines.flat_map(|line| line.split(|&byte| byte == b',')) {
        let mut parts = item.split(|&byte| byte == b';');
        let coding = parts.next().unwrap_or_default().trim_ascii();
        let weight = parts.find_map(weight).unwrap_or(1000);
        if coding.eq_ignore_ascii_case(name.as_bytes()) {
            return weight;
        }
        if coding == b"*" {
            any = weight;
        }
    }
    any
}

/// The weight of `q=0.5`, in thousandths; a malformed one counts as 0.
fn weight(parameter: &[u8]) -> Option<u16> {
    let [b'q' | b'Q', b'=', value @ ..] = parameter.trim_ascii() else { return None };
    let number: f32 = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()).unwrap_or(0.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within 0 to 1000")]
    Some((number.clamp(0.0, 1.0) * 1000.0) as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_take() {
        #[track_caller]
        fn check(line: &'static str, offered: &[Coding], expected: &[Coding]) {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(line));
            assert_eq!(accepted(&headers, offered), expected, "{line}");
        }
        use Coding::{Brotli, Gzip, Zstd};
        check("gzip", &[Brotli, Gzip], &[Gzip]);
        check("gzip, br", &[Brotli, Gzip], &[Brotli, Gzip]);
        check("gzip, br;q=0.5", &[Brotli, Gzip], &[Gzip, Brotli]);
        check("br;q=0, *", &[Brotli, Gzip, Zstd], &[Gzip, Zstd]);
        check("*;q=0", &[Gzip], &[]);
        check("GZIP ; Q=1", &[Gzip], &[Gzip]);
        check("gzip;q=x", &[Gzip], &[]);
        check("identity", &[Gzip], &[]);
        check("", &[Gzip], &[]);
        assert_eq!(accepted(&HeaderMap::new(), &[Gzip]), []);
    }
}
