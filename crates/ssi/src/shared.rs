//! What all pages of a request have in common: a page, and those that are included in it.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use crate::Error;

/// How much may be kept for a request, in bytes.
pub(crate) const MOST: usize = 1 << 20;
/// What an entry takes beside its name and value.
const ENTRY: usize = 64;

/// The variables and blocks of a page, and of those that are included in it; a clone is the same ones.
#[derive(Clone, Debug, Default)]
pub struct Shared(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    variables: Vec<(Bytes, Bytes)>,
    blocks: Vec<(Bytes, Bytes)>,
    /// What the last regular expression captured.
    groups: Vec<Option<Bytes>>,
    size: usize,
}

impl Shared {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A group of the last regular expression, or a variable that was set.
    pub(crate) fn get(&self, name: &[u8]) -> Option<Bytes> {
        let kept = self.0.lock();
        if let [digit @ b'0'..=b'9'] = name
            && let Some(group) = kept.groups.get(usize::from(digit - b'0'))
        {
            return Some(group.clone().unwrap_or_default());
        }
        kept.variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone())
    }

    pub(crate) fn set(&self, name: &[u8], value: Bytes) -> Result<(), Error> {
        let kept = &mut *self.0.lock();
        if let Some((_, known)) = kept.variables.iter_mut().find(|(known, _)| *known == name) {
            room(&mut kept.size, known.len(), value.len())?;
            *known = value;
        } else {
            room(&mut kept.size, 0, ENTRY + name.len() + value.len())?;
            kept.variables.push((Bytes::copy_from_slice(name), value));
        }
        Ok(())
    }

    pub(crate) fn capture(&self, groups: Vec<Option<Bytes>>) {
        self.0.lock().groups = groups;
    }

    pub(crate) fn block(&self, name: &[u8]) -> Option<Bytes> {
        self.0.lock().blocks.iter().find(|(known, _)| *known == name).map(|(_, text)| text.clone())
    }

    /// The first of a name counts.
    pub(crate) fn set_block(&self, name: &[u8], text: Bytes) -> Result<(), Error> {
        let kept = &mut *self.0.lock();
        room(&mut kept.size, 0, ENTRY + name.len() + text.len())?;
        kept.blocks.push((Bytes::copy_from_slice(name), text));
        Ok(())
    }
}

/// Takes the room for what comes in the place of what was.
fn room(size: &mut usize, old: usize, new: usize) -> Result<(), Error> {
    let wanted = size.saturating_sub(old).saturating_add(new);
    if wanted > MOST {
        return Err(Error::TooMuch);
    }
    *size = wanted;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_bounded() {
        let shared = Shared::new();
        let large = Bytes::from(vec![b'x'; MOST / 2]);
        shared.set(b"a", large.clone()).unwrap();
        shared.set(b"a", large.clone()).unwrap();
        assert_eq!(shared.set(b"b", large.clone()), Err(Error::TooMuch));
        assert_eq!(shared.set_block(b"b", large), Err(Error::TooMuch));
        shared.set(b"a", Bytes::new()).unwrap();
        shared.set_block(b"b", Bytes::from_static(b"text")).unwrap();
        assert_eq!(shared.get(b"a"), Some(Bytes::new()));
        assert_eq!(shared.block(b"b").unwrap(), "text");
        let more =
            (0..MOST).take_while(|n| shared.set(n.to_string().as_bytes(), Bytes::new()).is_ok()).count();
        assert!(more < MOST / ENTRY, "entries count, however short they are");
    }

    #[test]
    fn groups_come_before_variables() {
        let shared = Shared::new();
        shared.set(b"1", Bytes::from_static(b"set")).unwrap();
        assert_eq!(shared.get(b"1").unwrap(), "set");
        shared.capture(vec![Some(Bytes::from_static(b"all")), None]);
        assert_eq!(shared.get(b"0").unwrap(), "all");
        assert_eq!(shared.get(b"1").unwrap(), "");
        assert_eq!(shared.get(b"2"), None);
    }
}
