//! Keys, strings and comments of TOML.

/// A key, in quotes where it needs them.
pub(crate) fn key(name: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if !name.is_empty() && name.bytes().all(bare) { name.to_owned() } else { quote(name) }
}

/// A string: as it is between single quotes where escapes would make it hard to read.
pub(crate) fn quote(text: &str) -> String {
    let awkward = text.contains(['\\', '"']);
    if awkward && !text.contains('\'') && !text.chars().any(char::is_control) {
        return format!("'{text}'");
    }
    // JSON's strings are TOML's basic strings, but for DEL.
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

/// A comment's text: TOML takes no control characters in it.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|char| if char.is_control() && char != '\t' { ' ' } else { char }).collect()
}
