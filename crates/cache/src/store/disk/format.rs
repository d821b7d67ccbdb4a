//! What a file of the cache looks like. Pure.
//!
//! ```text
//! 0               magic, version, room, body length, nonce, checksum of these   (64 bytes, written last, never changed)
//! 64              head slot A: sequence, flags, length, checksum, key and head  (`room` bytes)
//! 64 + room       head slot B: the same                                         (`room` bytes, a hole until it is used)
//! 64 + 2 * room   the body
//!                 a checksum for each 64 KiB of the body
//! ```
//!
//! A head is changed by writing the slot that is not in force: whoever reads meanwhile, and a crash, find a slot with a
//! wrong checksum. All checksums are seeded with the file's nonce: what belongs to another file is wrong here.

use bytes::{Buf as _, Bytes};
use xxhash_rust::xxh3::{Xxh3, xxh3_64_with_seed};

use crate::store::meta::{Meta, decode_bytes, encode_bytes};

/// The size of what a checksum is for.
pub(super) const PIECE: u64 = 64 << 10;

/// Where the slots begin.
pub(super) const PROLOGUE: usize = 64;

/// The largest slot. A response with a larger head is not stored.
pub(super) const MAX_ROOM: u64 = 256 << 10;

const MAGIC: [u8; 8] = *b"propylon";
const VERSION: u32 = 2;
const SLOT: usize = 24;
const SUM: u64 = 8;
const SOFT: u32 = 1;

/// Where what is in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) room: u64,
    pub(super) body: u64,
    pub(super) nonce: u64,
}

/// A slot's contents.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) sequence: u32,
    pub(super) soft: bool,
    pub(super) key: Bytes,
    pub(super) meta: Meta,
}

/// What is wrong with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is none of ours.
    Foreign,
    /// It is one of ours, and not whole.
    Damaged,
}

impl Layout {
    /// With room for a head of this size, and for one that is somewhat larger.
    pub(super) fn new(head: usize, body: u64, nonce: u64) -> Option<Self> {
        let room = (SLOT as u64 + head as u64 * 5 / 4 + 128).next_multiple_of(128);
        (room <= MAX_ROOM).then_some(Self { room, body, nonce })
    }

    /// Where slot 0 or 1 begins.
    pub(super) fn slot_at(&self, slot: u8) -> u64 {
        PROLOGUE as u64 + self.room * u64::from(slot)
    }

    pub(super) fn body_at(&self) -> u64 {
        PROLOGUE as u64 + 2 * self.room
    }

    /// Where the checksum of a piece of the body is.
    pub(super) fn sum_at(&self, piece: u64) -> u64 {
        self.body_at() + self.body + piece * SUM
    }

    /// How large the file is.
    pub(super) fn file_len(&self) -> u64 {
        self.sum_at(self.body.div_ceil(PIECE))
    }

    pub(super) fn encode(&self) -> [u8; PROLOGUE] {
        let mut out = Vec::with_capacity(PROLOGUE);
        out.extend(MAGIC);
        out.extend(VERSION.to_le_bytes());
        for number in [self.room, self.body, self.nonce, 0] {
            out.extend(number.to_le_bytes());
        }
        out.resize(PROLOGUE - 8, 0);
        out.extend(xxh3_64_with_seed(&out, self.nonce).to_le_bytes());
        let mut prologue = [0; PROLOGUE];
        prologue.copy_from_slice(&out);
        prologue
    }

    /// Of a file that is `length` bytes long and begins with `start`.
    pub(super) fn decode(start: &[u8], length: u64) -> Result<Self, Fault> {
        // Nothing, or nothing but zeros: a file that a crash left. Others' files begin otherwise.
        let known = start.len().min(MAGIC.len());
        if start.get(..known).is_some_and(|magic| magic.iter().all(|byte| *byte == 0)) {
            return Err(Fault::Damaged);
        }
        if start.get(..known) != MAGIC.get(..known) {
            return Err(Fault::Foreign);
        }
        let (prologue, _) = start.split_first_chunk::<PROLOGUE>().ok_or(Fault::Damaged)?;
        let mut fields = &prologue[..];
        fields.advance(MAGIC.len());
        if fields.get_u32_le() != VERSION {
            return Err(Fault::Damaged); // of another version: of no use
        }
        let layout =
            Self { room: fields.get_u64_le(), body: fields.get_u64_le(), nonce: fields.get_u64_le() };
        let whole = layout.encode() == *prologue
            && layout.room <= MAX_ROOM
            && layout.body <= u64::MAX >> 1
            && layout.file_len() == length;
        if whole { Ok(layout) } else { Err(Fault::Damaged) }
    }

    /// The bytes of a slot.
    pub(super) fn encode_slot(&self, sequence: u32, soft: bool, head: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(SLOT + head.len());
        out.extend(sequence.to_le_bytes());
        out.extend(if soft { SOFT } else { 0 }.to_le_bytes());
        out.extend((head.len() as u64).to_le_bytes());
        out.extend(head);
        let sum = xxh3_64_with_seed(&out, self.nonce);
        out.splice(16..16, sum.to_le_bytes());
        out
    }

    /// The head in force, and its slot. `slots` is what is between the prologue and the body.
    pub(super) fn decode_slots(&self, slots: &Bytes) -> Option<(u8, Head)> {
        let room = usize::try_from(self.room).ok()?;
        let first = self.decode_slot(slots.get(..room).map(|slot| slots.slice_ref(slot))?);
        let second = self.decode_slot(slots.get(room..room * 2).map(|slot| slots.slice_ref(slot))?);
        match (first?, second?) {
            (None, None) => None,
            (Some(first), None) => Some((0, first)),
            (None, Some(second)) => Some((1, second)),
            (Some(first), Some(second)) if first.sequence > second.sequence => Some((0, first)),
            (Some(_), Some(second)) => Some((1, second)),
        }
    }

    /// None if it is damaged, `Some(None)` if it was never written.
    fn decode_slot(&self, mut slot: Bytes) -> Option<Option<Head>> {
        let start = slot.get(..SLOT)?;
        if start.iter().all(|byte| *byte == 0) {
            return Some(None);
        }
        let (mut fields, sum) = (start.get(..16)?, start.get(16..)?);
        let mut hasher = Xxh3::with_seed(self.nonce);
        hasher.update(fields);
        let sum = u64::from_le_bytes(sum.try_into().ok()?);
        let (sequence, flags) = (fields.get_u32_le(), fields.get_u32_le());
        let length = usize::try_from(fields.get_u64_le()).ok()?;
        slot.advance(SLOT);
        let mut head = slot.get(..length).map(|head| slot.slice_ref(head))?;
        hasher.update(&head);
        if hasher.digest() != sum {
            return None;
        }
        let key = decode_bytes(&mut head)?;
        let meta = Meta::decode(head)?;
        Some(Some(Head { sequence, soft: flags & SOFT != 0, key, meta }))
    }

    /// The seed of a piece's checksum: neither another file's piece nor another piece of this one has it.
    pub(super) fn piece_seed(&self, piece: u64) -> u64 {
        piece_seed(self.nonce, piece)
    }

    /// Whether `data` is this piece, if its checksum is `sum`.
    pub(super) fn is_piece(&self, piece: u64, data: &[u8], sum: &[u8]) -> bool {
        xxh3_64_with_seed(data, self.piece_seed(piece)).to_le_bytes() == sum
    }
}

pub(super) fn piece_seed(nonce: u64, piece: u64) -> u64 {
    nonce ^ piece.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// What a slot holds beside its flags.
pub(super) fn encode_head(key: &[u8], meta: &Meta) -> Vec<u8> {
    let mut out = Vec::new();
    encode_bytes(key, &mut out);
    meta.encode(&mut out);
    out
}
