//! Which browsers count as modern and which as ancient, by `User-Agent`: what `$modern_browser`, `$ancient_browser` and `$msie` are made from. Pure.

use bytes::Bytes;
use memchr::memmem;

/// Which browsers count as modern and which as ancient. A new one knows none: all are ancient.
///
/// ```
/// use propylon_vars::Browsers;
///
/// let browsers = Browsers::new().modern("gecko", "1.0.0").unwrap().ancient("Links");
/// assert!(browsers.is_modern(Some(b"Mozilla/5.0 (X11; U; Linux i686; en-US; rv:1.7.8) Gecko/20050511 Firefox/1.0.4")));
/// assert!(!browsers.is_modern(Some(b"Links (2.1)")));
/// assert!(Browsers::new().modern("mosaic", "1").is_none());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Browsers {
    /// Numbers of [`KNOWN`], and the versions that are modern from there on; in the order in which they are looked for.
    modern: Vec<(usize, u64)>,
    unlisted: bool,
    ancient: Vec<Box<str>>,
    netscape4: bool,
    modern_value: Bytes,
    ancient_value: Bytes,
}

/// How a browser is known by its `User-Agent`.
struct Known {
    name: &'static str,
    /// How much comes before it at least.
    skip: usize,
    /// What stands before its version, and how far that is from its beginning: Opera has a slash or a blank behind it.
    text: &'static [u8],
    to_version: usize,
}

const KNOWN: [Known; 5] = [
    // The first that is looked for: it says that it is another one, too.
    Known { name: "opera", skip: 0, text: b"Opera", to_version: 6 },
    Known { name: "msie", skip: 25, text: b"MSIE ", to_version: 5 },
    Known { name: "gecko", skip: 13, text: b"rv:", to_version: 3 },
    Known { name: "safari", skip: 13, text: b"Safari/", to_version: 7 },
    Known { name: "konqueror", skip: 25, text: b"Konqueror/", to_version: 10 },
];

const OPERA: usize = 0;
/// More than any version is.
const NEVER: u64 = 4_001_000_000;

impl Default for Browsers {
    fn default() -> Self {
        Self {
            modern: Vec::new(),
            unlisted: false,
            ancient: Vec::new(),
            netscape4: false,
            modern_value: Bytes::from_static(b"1"),
            ancient_value: Bytes::from_static(b"1"),
        }
    }
}

impl Browsers {
    /// All are ancient.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The browser of this name (`opera`, `msie`, `gecko`, `safari` or `konqueror`, in any case) is modern from this version on (`1`, `1.2`, up to
    /// `1.2.3.4`), and ancient before; of two for one browser the first counts. Nothing if there is no such browser or version.
    #[must_use]
    pub fn modern(mut self, name: &str, version: &str) -> Option<Self> {
        let slot = KNOWN.iter().position(|known| known.name.eq_ignore_ascii_case(name))?;
        let (version, rest) = self::version(version.as_bytes());
        rest.is_empty().then_some(())?;
        self.modern.retain(|(known, from)| (*known, *from) != (OPERA, NEVER));
        self.modern.push((slot, version));
        if !self.modern.iter().any(|(known, _)| *known == OPERA) {
            self.modern.push((OPERA, NEVER));
        }
        self.modern.sort_by_key(|(known, _)| *known); // of two that are the same the first stays it
        Some(self)
    }

    /// What is neither modern nor ancient by name is modern.
    #[must_use]
    pub const fn modern_unlisted(mut self) -> Self {
        self.unlisted = true;
        self
    }

    /// What has this text in it is ancient; nothing else of it has to be known.
    #[must_use]
    pub fn ancient(mut self, text: impl Into<Box<str>>) -> Self {
        self.ancient.push(text.into());
        self
    }

    /// What is called Mozilla, of versions 1 to 4, is ancient.
    #[must_use]
    pub const fn netscape4(mut self) -> Self {
        self.netscape4 = true;
        self
    }

    /// The values of `$modern_browser` and `$ancient_browser`. Default: `1`.
    #[must_use]
    pub fn values(mut self, modern: impl Into<Bytes>, ancient: impl Into<Bytes>) -> Self {
        (self.modern_value, self.ancient_value) = (modern.into(), ancient.into());
        self
    }

    /// Whether a browser is a modern one; it may be silent of what it is.
    #[must_use]
    pub fn is_modern(&self, user_agent: Option<&[u8]>) -> bool {
        let Some(user_agent) = user_agent else { return self.unlisted };
        for (slot, from) in &self.modern {
            if let Some(version) = KNOWN.get(*slot).and_then(|known| known.version(user_agent)) {
                return version >= *from;
            }
        }
        if !self.modern.is_empty() && !self.unlisted {
            return false;
        }
        let ancient = |text: &str| memmem::find(user_agent, text.as_bytes()).is_some();
        let is_ancient =
            self.netscape4 && is_netscape4(user_agent) || self.ancient.iter().any(|text| ancient(text));
        self.unlisted && !is_ancient
    }

    /// The value of `$modern_browser`.
    pub(crate) fn modern_value(&self, user_agent: Option<&[u8]>) -> Bytes {
        if self.is_modern(user_agent) { self.modern_value.clone() } else { Bytes::new() }
    }

    /// The value of `$ancient_browser`.
    pub(crate) fn ancient_value(&self, user_agent: Option<&[u8]>) -> Bytes {
        if self.is_modern(user_agent) { Bytes::new() } else { self.ancient_value.clone() }
    }
}

/// Whether a browser is Internet Explorer: `$msie`.
pub(crate) fn is_msie(user_agent: &[u8]) -> bool {
    let found = memmem::find(user_agent, b"MSIE ");
    found.is_some_and(|at| at + 7 < user_agent.len()) && memmem::find(user_agent, b"Opera").is_none()
}

fn is_netscape4(user_agent: &[u8]) -> bool {
    let version = user_agent.strip_prefix(b"Mozilla/").and_then(<[u8]>::first);
    user_agent.len() > b"Mozilla/4.72 ".len()
        && version.is_some_and(|version| (b'1'..=b'4').contains(version))
}

impl Known {
    /// The version of a browser, if it is this one.
    fn version(&self, user_agent: &[u8]) -> Option<u64> {
        let behind = user_agent.get(self.skip..)?;
        let at = memmem::find(behind, self.text)?;
        let version = behind.get(at + self.to_version..).filter(|version| !version.is_empty())?;
        Some(self::version(version).0)
    }
}

/// Reads a version, digits and dots, as a number that tells which of two is later; and gives what follows.
fn version(text: &[u8]) -> (u64, &[u8]) {
    let length = text.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
    let (written, rest) = text.split_at_checked(length).unwrap_or((text, &[]));
    let (mut sum, mut scale) = (0_u64, 1_000_000_u64);
    for part in written.split(|byte| *byte == b'.') {
        let number = part.iter().fold(0_u64, |number, digit| {
            number.saturating_mul(10).saturating_add(u64::from(digit.saturating_sub(b'0')))
        });
        sum = sum.saturating_add(number.saturating_mul(scale));
        scale /= 100;
    }
    (sum, rest)
}
