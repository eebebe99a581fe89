//! What may happen to the bytes of a file.

use proptest::prelude::*;

#[derive(Clone, Debug)]
pub enum Harm {
    Flip(usize, u8),
    Cut(usize),
    Remove(usize, u8),
    Repeat(usize, u8),
    /// Puts in one of the words that the file's notation gives a meaning to.
    Insert(usize, usize),
}

/// A few kinds of harm at any places.
pub fn harms() -> impl Strategy<Value = Vec<Harm>> {
    let harm = (0..5u8, any::<usize>(), any::<usize>()).prop_map(|(kind, at, with)| match kind {
        0 => Harm::Flip(at, 1 << (with % 8)),
        1 => Harm::Cut(at),
        2 => Harm::Remove(at, with as u8),
        3 => Harm::Repeat(at, with as u8),
        _ => Harm::Insert(at, with),
    });
    prop::collection::vec(harm, 1..4)
}

impl Harm {
    pub fn to(&self, bytes: &mut Vec<u8>, words: &[&str]) {
        let place = |at: usize| at % (bytes.len() + 1);
        match *self {
            Harm::Flip(at, with) => {
                let at = place(at);
                bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= with);
            }
            Harm::Cut(at) => bytes.truncate(place(at)),
            Harm::Remove(at, length) => {
                let at = place(at);
                let end = (at + usize::from(length)).min(bytes.len());
                bytes.drain(at..end);
            }
            Harm::Repeat(at, length) => {
                let at = place(at);
                let end = (at + usize::from(length)).min(bytes.len());
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
            Harm::Insert(at, with) => {
                let at = place(at);
                bytes.splice(at..at, words[with % words.len()].bytes());
            }
        }
    }
}
