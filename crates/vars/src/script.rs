//! Which script a FastCGI server is to run: what `$fastcgi_script_name` and `$fastcgi_path_info` are made from.

use bytes::Bytes;
use propylon_exchange::Exchange;
use propylon_pattern::Pattern;

use crate::state;

/// Which script a FastCGI server is to run for a path.
///
/// ```
/// use propylon_pattern::Pattern;
/// use propylon_vars::Script;
///
/// let script = Script::new("index.php", Some(Pattern::new(r"^(.+\.php)(/.*)$")?));
/// assert_eq!(script.split(&"/a/show.php/42".into()), ("/a/show.php".into(), "/42".into()));
/// assert_eq!(script.split(&"/blog/".into()), ("/blog/index.php".into(), "".into()));
/// # Ok::<(), propylon_pattern::PatternError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Script {
    index: Bytes,
    split: Option<Pattern>,
}

impl Script {
    /// `index` follows a name that ends in a slash (nginx: `fastcgi_index`); the first group of `split` is the name, the second one
    /// is what follows it (nginx: `fastcgi_split_path_info`).
    #[must_use]
    pub fn new(index: impl Into<Bytes>, split: Option<Pattern>) -> Self {
        Self { index: index.into(), split }
    }

    /// The script's name, and what follows it in the path.
    #[must_use]
    pub fn split(&self, path: &Bytes) -> (Bytes, Bytes) {
        let found = self.split.as_ref().and_then(|split| split.find(path));
        let (name, rest) = match found {
            Some(groups) => (groups.get(1).unwrap_or_default(), groups.get(2).unwrap_or_default()),
            None => (path.clone(), Bytes::new()),
        };
        if name.ends_with(b"/") && !self.index.is_empty() {
            return ([&*name, &*self.index].concat().into(), rest);
        }
        (name, rest)
    }
}

/// The script's name, and what follows it; where no FastCGI server is asked, the path is the name.
pub(crate) fn script(exchange: &Exchange) -> Option<(Bytes, Bytes)> {
    let uri = state::uri(exchange)?;
    let script = state::read(exchange, |facts| facts.script.clone());
    Some(match script {
        Some(script) => script.split(&uri),
        None => (uri, Bytes::new()),
    })
}
