//! `secure_link*`: links that only who knows a secret can make.

use crate::context::Contexts;
use crate::row::{As, ONE, Row, To};

const LEVELS: Contexts = Contexts::LEVELS;

pub(crate) const ROWS: &[Row] = &[
    Row::new("secure_link", LEVELS, ONE, To::Key(&["secure_link", "link"], As::Text)),
    Row::new("secure_link_md5", LEVELS, ONE, To::Key(&["secure_link", "md5"], As::Text)),
    Row::new("secure_link_secret", Contexts::LOCATION, ONE, To::Key(&["secure_link", "secret"], As::Text)),
];
