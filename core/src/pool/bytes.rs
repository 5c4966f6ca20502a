//! Reading and writing our own byte strings: numbers are big-endian, and every string begins with its version.

use prio::codec::{Decode, Encode};
use prio::field::{Field128, FieldElement};
use zeroize::{DefaultIsZeroes, Zeroizing};

/// The version that every byte string of ours begins with.
pub(super) const VERSION: u8 = 1;

/// A number of prio's field that can be wiped.
#[derive(Clone, Copy, Default)]
pub(super) struct Element(pub(super) Field128);

impl DefaultIsZeroes for Element {}

/// Shares of figures, wiped when they are dropped.
pub(super) type Elements = Zeroizing<Vec<Element>>;

/// How many bytes an element has.
pub(super) const ELEMENT_BYTES: usize = Field128::ENCODED_SIZE;

/// Appends elements as prio writes them.
pub(super) fn write_elements(elements: &[Element], out: &mut Vec<u8>) -> Option<()> {
    elements.iter().try_for_each(|e| e.0.encode(out).ok())
}

/// What is left of a byte string.
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Begins after the version and the kind.
    pub(super) fn new(bytes: &'a [u8], kind: u8) -> Option<Self> {
        let rest = bytes.strip_prefix(&[VERSION, kind])?;
        Some(Self(rest))
    }

    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// Elements, each of them below the field's modulus.
    pub(super) fn elements(&mut self, count: usize) -> Option<Elements> {
        let bytes = self.take(count.checked_mul(ELEMENT_BYTES)?)?;
        let mut elements = Zeroizing::new(Vec::with_capacity(count));
        for one in bytes.chunks_exact(ELEMENT_BYTES) {
            elements.push(Element(Field128::get_decoded(one).ok()?));
        }
        Some(elements)
    }

    pub(super) fn rest(self) -> &'a [u8] {
        self.0
    }

    /// Nothing may be left over.
    pub(super) fn end(self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}
