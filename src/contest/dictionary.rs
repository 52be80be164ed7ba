//! Short texts in order, packed: each holds only what differs from the one before.
//!
//! Owns their bytes. Never changes once made. A text is found by bisection over every 16th, which is whole, and by
//! place with at most 15 steps from there.

use std::cmp::Ordering;

/// Longest text, in bytes.
pub const TEXT_BYTES_MAX: usize = 255;
/// Texts between two that are whole.
const RUN: usize = 16;
/// In place of two lengths that have no room in a byte.
const LONG: u8 = 0xff;

/// Texts in order of their bytes, each at a place of its own.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Dictionary {
    /// Where each run begins.
    runs: Box<[u32]>,
    /// For each text: how much of the one before it begins with and how much follows, and that.
    bytes: Box<[u8]>,
    count: u32,
}

/// Puts texts into a dictionary, in order.
#[derive(Debug, Default)]
pub struct Packer {
    runs: Vec<u32>,
    bytes: Vec<u8>,
    count: u32,
    last: Vec<u8>,
}

impl Packer {
    /// Adds one, not before the last in order and at most [`TEXT_BYTES_MAX`] long.
    pub fn push(&mut self, text: &[u8]) {
        debug_assert!(text.len() <= TEXT_BYTES_MAX && (self.count == 0 || *self.last <= *text));
        let is_whole = (self.count as usize).is_multiple_of(RUN);
        if is_whole {
            self.runs.push(self.bytes.len() as u32);
        }
        let common = self.last.iter().zip(text).take_while(|(a, b)| a == b).count();
        let shared = if is_whole { 0 } else { common };
        let rest = &text[shared..];
        if shared < 15 && rest.len() < 16 {
            self.bytes.push((shared << 4 | rest.len()) as u8);
        } else {
            self.bytes.extend([LONG, shared as u8, rest.len() as u8]);
        }
        self.bytes.extend_from_slice(rest);
        self.last.clear();
        self.last.extend_from_slice(text);
        self.count += 1;
    }

    /// All of them.
    pub fn finish(self) -> Dictionary {
        Dictionary {
            runs: self.runs.into_boxed_slice(),
            bytes: self.bytes.into_boxed_slice(),
            count: self.count,
        }
    }
}

impl Dictionary {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// What it takes in memory.
    pub fn heap_bytes(&self) -> usize {
        self.bytes.len() + self.runs.len() * size_of::<u32>()
    }

    /// Its texts as they are packed.
    pub(super) fn packed(&self) -> &[u8] {
        &self.bytes
    }

    /// The dictionary of so many texts, packed like that; nothing where they are not, or not in order, each once.
    pub(super) fn unpack(mut packed: &[u8], count: usize) -> Option<Dictionary> {
        let mut packer = Packer::default();
        let mut text: Vec<u8> = Vec::with_capacity(TEXT_BYTES_MAX);
        for place in 0..count {
            let (shared, rest, taken) = match *packed {
                [LONG, shared, rest, ..] => (usize::from(shared), usize::from(rest), 3),
                [LONG, ..] | [] => return None,
                [both, ..] => (usize::from(both >> 4), usize::from(both & 15), 1),
            };
            if shared > text.len() || shared + rest > TEXT_BYTES_MAX {
                return None;
            }
            text.truncate(shared);
            text.extend_from_slice(packed.get(taken..taken + rest)?);
            packed = &packed[taken + rest..];
            if place > 0 && packer.last >= text {
                return None;
            }
            packer.push(&text);
        }
        packed.is_empty().then(|| packer.finish())
    }

    /// The text at that place, into `text`.
    pub fn read(&self, place: usize, text: &mut Vec<u8>) {
        text.clear();
        let mut walk = self.walk(place / RUN);
        for _ in 0..=place % RUN {
            walk.step(text);
        }
    }

    /// The place of that text.
    pub fn find(&self, text: &[u8]) -> Option<usize> {
        let mut held = Vec::with_capacity(TEXT_BYTES_MAX);
        let (mut low, mut high) = (0, self.runs.len());
        while low < high {
            let middle = (low + high) / 2;
            held.clear();
            self.walk(middle).step(&mut held);
            match (*held).cmp(text) {
                Ordering::Equal => return Some(middle * RUN),
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
            }
        }
        let run = low.checked_sub(1)?;
        let mut walk = self.walk(run);
        held.clear();
        let count = RUN.min(self.len() - run * RUN);
        let is_it = (0..count).position(|_| {
            walk.step(&mut held);
            *held == *text
        });
        is_it.map(|place| run * RUN + place)
    }

    /// Gives every text to `visit`, in order.
    pub fn for_each(&self, mut visit: impl FnMut(usize, &[u8])) {
        let mut walk = self.walk(0);
        let mut text = Vec::with_capacity(TEXT_BYTES_MAX);
        for place in 0..self.len() {
            walk.step(&mut text);
            visit(place, &text);
        }
    }

    fn walk(&self, run: usize) -> Walk<'_> {
        let from = self.runs.get(run).map_or(self.bytes.len(), |at| *at as usize);
        Walk(&self.bytes[from..])
    }
}

/// The texts from one that is whole on.
struct Walk<'a>(&'a [u8]);

impl Walk<'_> {
    /// Makes the last text the next one.
    fn step(&mut self, text: &mut Vec<u8>) {
        let (shared, rest, taken) = match *self.0 {
            [LONG, shared, rest, ..] => (usize::from(shared), usize::from(rest), 3),
            [both, ..] => (usize::from(both >> 4), usize::from(both & 15), 1),
            [] => return,
        };
        text.truncate(shared);
        text.extend_from_slice(&self.0[taken..taken + rest]);
        self.0 = &self.0[taken + rest..];
    }
}
