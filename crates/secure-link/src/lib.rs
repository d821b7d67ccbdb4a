//! Links with a hash that only who knows a secret can make, and with an end: nginx's `secure_link`, in both of its forms. Pure functions.
//!
//! ## Example
//! ```
//! use propylon_secure_link::{Link, Verdict};
//!
//! // echo -n '2147483647/s/link127.0.0.1 secret' | openssl md5 -binary | openssl base64 | tr +/ -_ | tr -d =
//! let link = Link::parse(b"_e4Nc3iduzkWRm01TBBNYw,2147483647");
//! assert_eq!(link.expires(), Some(&b"2147483647"[..]));
//! assert_eq!(link.verify(b"2147483647/s/link127.0.0.1 secret", 1_795_651_200), Verdict::Right);
//! assert_eq!(link.verify(b"2147483647/s/link127.0.0.1 secret", 2_147_483_648), Verdict::Expired);
//! assert_eq!(link.verify(b"2147483647/s/other127.0.0.1 secret", 1_795_651_200), Verdict::Wrong);
//! ```
//!
//! ## What it does
//! - [`Link`]: a hash (base64url of an MD5), and the second that it is good until. What the hash is of is up to whoever asks: the path, the
//!   client's address, the second, and a secret.
//! - [`behind_hash`]: the path behind a hash in it, which is that of the path and a secret (nginx's older form: `/prefix/hash/path`).
//! - Hashes are compared in the same time whatever they are.
//!
//! ## What it does not
//! It makes no links. MD5 is what nginx's links are made of: with a secret behind the text they hold against who wants to forge one, and not
//! against who may choose parts of two texts. It knows no clock.
//!
//! ## nginx
//! | nginx | here |
//! |---|---|
//! | `secure_link`, `secure_link_md5`, `$secure_link` | [`Link::verify`] |
//! | `$secure_link_expires` | [`Link::expires`] |
//! | `secure_link_secret`, `$secure_link` | [`behind_hash`] |
//!
//! ## Errors
//! None: what cannot be read is wrong.
//!
//! ## Cost
//! One MD5. Nothing is allocated.

mod link;
mod path;

pub use link::{Link, Verdict};
pub use path::behind_hash;
