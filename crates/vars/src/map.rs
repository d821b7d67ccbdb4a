//! A map as it was written.

use ipnet::IpNet;

use crate::KeyValues;

/// A map as it was written: a variable whose value is chosen by the value of a template.
///
/// Given to [`Builder::map`](crate::Builder::map), which checks it.
///
/// ```
/// use propylon_vars::Map;
///
/// let connection_upgrade =
///     Map::new("connection_upgrade", "$http_upgrade").value("", "close").default("upgrade");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Map {
    pub(crate) name: Box<str>,
    pub(crate) key: Box<str>,
    pub(crate) values: Vec<(Box<str>, Box<str>)>,
    pub(crate) default: Option<Box<str>>,
    pub(crate) hostnames: bool,
    pub(crate) volatile: bool,
    pub(crate) kind: Kind,
    pub(crate) proxies: Vec<IpNet>,
    pub(crate) proxy_recursive: bool,
}

/// What the patterns of a map are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Texts, host names and regular expressions.
    Texts,
    /// Networks.
    Networks,
    /// Shares of all keys.
    Shares,
    /// None: another is asked.
    Asked(KeyValues),
}

impl Map {
    /// A map called `name` (with or without its `$`) that looks up the value of the template `key`.
    #[must_use]
    pub fn new(name: impl Into<String>, key: impl Into<String>) -> Self {
        let name = name.into();
        Self {
            name: name.strip_prefix('$').unwrap_or(&name).into(),
            key: key.into().into(),
            values: Vec::new(),
            default: None,
            hostnames: false,
            volatile: false,
            kind: Kind::Texts,
            proxies: Vec::new(),
            proxy_recursive: false,
        }
    }

    /// nginx's `geo`: the value of the template `key` is an address (what is none counts as 255.255.255.255), and patterns
    /// are networks (`10.0.0.0/8`, `2001:db8::/32`), ranges (`10.0.0.1-10.0.0.9`) and addresses. The smallest one counts.
    ///
    /// ```
    /// use propylon_vars::Map;
    ///
    /// let inside = Map::geo("inside", "$remote_addr").value("10.0.0.0/8", "1").default("0");
    /// ```
    #[must_use]
    pub fn geo(name: impl Into<String>, key: impl Into<String>) -> Self {
        Self { kind: Kind::Networks, ..Self::new(name, key) }
    }

    /// nginx's `split_clients`: patterns are shares of all keys (`0.5%`, and `*` for what is left), in the order in which
    /// they are given.
    ///
    /// ```
    /// use propylon_vars::Map;
    ///
    /// let variant = Map::split_clients("variant", "$remote_addr").value("5%", "new").value("*", "old");
    /// ```
    #[must_use]
    pub fn split_clients(name: impl Into<String>, key: impl Into<String>) -> Self {
        Self { kind: Kind::Shares, ..Self::new(name, key) }
    }

    /// nginx's `keyval`, and the variables of its `geoip2`: `values` are asked for what the value of the template `key` leads to, at most once an exchange; it is text, not a
    /// template.
    ///
    /// ```
    /// use propylon_vars::{Definitions, KeyValues, Map};
    ///
    /// let values = KeyValues::new("zone");
    /// let definitions = Definitions::builder().map(Map::keyval("place", "$remote_addr", &values)).build().unwrap();
    /// values.fill(|key| (key == b"192.0.2.1").then(|| "lab".into()));
    /// ```
    #[must_use]
    pub fn keyval(name: impl Into<String>, key: impl Into<String>, values: &KeyValues) -> Self {
        Self { kind: Kind::Asked(values.clone()), ..Self::new(name, key) }
    }

    /// For [`geo`](Self::geo), and for [`keyval`](Self::keyval) where the key is an address: where the key is an address in one of these networks, the last address in the request's
    /// `X-Forwarded-For` takes its place; `recursive`: the last one that is in none of them.
    #[must_use]
    pub fn proxies(mut self, networks: impl IntoIterator<Item = IpNet>, recursive: bool) -> Self {
        self.proxies.extend(networks);
        self.proxy_recursive = recursive;
        self
    }

    /// A key that matches `pattern` gives the value of `template`.
    ///
    /// A pattern is a text that is compared in whatever case; with [`hostnames`](Self::hostnames) also `*.example.com`,
    /// `.example.com` (with and without a name before it) or `www.example.*`; or a regular expression after `~`
    /// (`~*`: in whatever case), whose groups the template may use. A leading `\` is dropped and makes the rest a text.
    /// Texts win, then the longest `*.`, then the longest `.*`, then the first regular expression.
    #[must_use]
    pub fn value(mut self, pattern: impl Into<String>, template: impl Into<String>) -> Self {
        self.values.push((pattern.into().into(), template.into().into()));
        self
    }

    /// What a key gives that matches no pattern. Default: nothing.
    #[must_use]
    pub fn default(mut self, template: impl Into<String>) -> Self {
        self.default = Some(template.into().into());
        self
    }

    /// Patterns may be host names with wildcards, and a dot at the end of a key is dropped.
    #[must_use]
    pub fn hostnames(mut self) -> Self {
        self.hostnames = true;
        self
    }

    /// The value is looked up each time, instead of once a request.
    #[must_use]
    pub fn volatile(mut self) -> Self {
        self.volatile = true;
        self
    }
}
