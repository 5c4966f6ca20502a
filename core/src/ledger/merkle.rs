//! The Merkle tree of RFC 6962, section 2.1: hashes, an append-only frontier, inclusion proofs.
//!
//! A *complete subtree* of level `l` and index `i` covers the entries from `i · 2^l` to `(i + 1) · 2^l`, the last
//! excluded. Once complete it never changes, so it is stored once and every later proof is made of such hashes.

use crate::model::Digest;

/// The longest inclusion proof: a tree has at most 2^64 entries.
pub const MAX_PROOF: usize = 64;

/// Level and index of a complete subtree.
pub type NodeId = (u8, u64);

/// Why no proof can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The entry is not in a tree of that size.
    #[error("entry {index} is not in an audit log of {size} entries")]
    Outside {
        /// The entry.
        index: u64,
        /// The entries of the tree.
        size: u64,
    },
    /// A stored hash is not there.
    #[error(
        "the audit log lacks a stored hash (level {level}, position {index}): run 'evensum audit verify'"
    )]
    Missing {
        /// Level of the subtree.
        level: u8,
        /// Index of the subtree on its level.
        index: u64,
    },
}

/// Hash of an entry's bytes: `SHA-256(0x00 || bytes)`.
#[must_use]
pub fn leaf_hash(bytes: &[u8]) -> Digest {
    let mut input = Vec::with_capacity(bytes.len().saturating_add(1));
    input.push(0);
    input.extend_from_slice(bytes);
    Digest::of(&input)
}

/// Hash of an inner node: `SHA-256(0x01 || left || right)`.
#[must_use]
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    let mut input = [0_u8; 65];
    input[0] = 1;
    input[1..33].copy_from_slice(left.as_bytes());
    input[33..].copy_from_slice(right.as_bytes());
    Digest::of(&input)
}

/// Root of a tree whose complete subtrees, from left to right, have these hashes. Without any it is the
/// empty tree's root, `SHA-256("")`.
fn fold(peaks: &[Digest]) -> Digest {
    let mut from_the_right = peaks.iter().rev();
    let Some(last) = from_the_right.next() else { return Digest::of(b"") };
    from_the_right.fold(*last, |right, left| node_hash(left, &right))
}

/// What appending to a tree needs to remember: one hash for each one-bit of its size (a compact range).
///
/// ```
/// use evensum_core::ledger::merkle::{Frontier, leaf_hash};
/// use evensum_core::model::Digest;
/// let mut tree = Frontier::default();
/// assert_eq!(tree.root(), Digest::of(b""));
/// let finished = tree.push(leaf_hash(b"first"));
/// assert_eq!(finished, [(0, 0, leaf_hash(b"first"))]);
/// assert_eq!(tree.root(), leaf_hash(b"first"));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// Complete subtrees from left to right, each smaller than the one before it.
    peaks: Vec<Digest>,
}

impl Frontier {
    /// Appends an entry by its leaf hash. Returns every complete subtree that it finished, as level, index and
    /// hash, the leaf itself (level 0) first.
    pub fn push(&mut self, leaf: Digest) -> Vec<(u8, u64, Digest)> {
        let (mut level, mut index, mut hash) = (0_u8, self.size, leaf);
        let mut finished = vec![(level, index, hash)];
        while index & 1 == 1
            && let Some(left) = self.peaks.pop()
        {
            hash = node_hash(&left, &hash);
            index >>= 1;
            level = level.saturating_add(1);
            finished.push((level, index, hash));
        }
        self.peaks.push(hash);
        self.size = self.size.saturating_add(1);
        finished
    }

    /// The root of the tree.
    #[must_use]
    pub fn root(&self) -> Digest {
        fold(&self.peaks)
    }

    /// Entries of the tree.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.size
    }

    /// Whether nothing was appended yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.size == 0
    }

    /// The complete subtrees that make up the tree, from left to right.
    pub fn peaks(&self) -> impl Iterator<Item = (NodeId, Digest)> {
        complete_subtrees(0, self.size).into_iter().zip(self.peaks.iter().copied())
    }
}

/// The complete subtrees that make up the entries from `start` to `end`. `start` is a multiple of the largest
/// power of two that is not above `end - start`, as it is for every range of a proof.
fn complete_subtrees(start: u64, end: u64) -> Vec<NodeId> {
    let length = end.saturating_sub(start);
    let mut at = start;
    let mut out = Vec::new();
    for level in (0..64_u8).rev().filter(|level| length >> level & 1 == 1) {
        out.push((level, at >> level));
        at = at.saturating_add(1 << level);
    }
    out
}

/// For each hash of the proof, the complete subtrees that it is folded from. From the leaf upwards.
fn path(index: u64, size: u64) -> Result<Vec<Vec<NodeId>>, ProofError> {
    if index >= size {
        return Err(ProofError::Outside { index, size });
    }
    let (mut start, mut end) = (0, size);
    let mut steps = Vec::new();
    while end - start > 1 {
        // The largest power of two below the length (RFC 6962, section 2.1).
        let half = 1_u64 << (63 - (end - start - 1).leading_zeros());
        let middle = start + half;
        if index < middle {
            steps.push(complete_subtrees(middle, end));
            end = middle;
        } else {
            steps.push(complete_subtrees(start, middle));
            start = middle;
        }
    }
    steps.reverse();
    Ok(steps)
}

/// The stored hashes that [`inclusion_proof`] will ask for, so that they can be fetched at once.
///
/// # Errors
/// [`ProofError::Outside`].
pub fn proof_nodes(index: u64, size: u64) -> Result<Vec<NodeId>, ProofError> {
    Ok(path(index, size)?.into_iter().flatten().collect())
}

/// The proof that entry `index` is in the tree of the first `size` entries, from the stored hashes of complete
/// subtrees: at most [`MAX_PROOF`] hashes, the leaf's sibling first.
///
/// # Errors
/// [`ProofError`].
pub fn inclusion_proof(
    index: u64,
    size: u64,
    stored: &impl Fn(u8, u64) -> Option<Digest>,
) -> Result<Vec<Digest>, ProofError> {
    let hash =
        |(level, index): NodeId| stored(level, index).ok_or(ProofError::Missing { level, index });
    path(index, size)?
        .into_iter()
        .map(|nodes| nodes.into_iter().map(hash).collect::<Result<Vec<_>, _>>().map(|h| fold(&h)))
        .collect()
}

/// Whether the proof shows that a leaf is entry `index` of the tree of `size` entries with this root
/// (RFC 9162, section 2.1.3.2).
#[must_use]
pub fn verify_inclusion(
    leaf: Digest,
    index: u64,
    size: u64,
    proof: &[Digest],
    root: &Digest,
) -> bool {
    if index >= size || proof.len() > MAX_PROOF {
        return false;
    }
    let (mut node, mut last, mut hash) = (index, size - 1, leaf);
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use ct_merkle::mem_backed_tree::MemoryBackedTree;
    use proptest::prelude::*;
    use sha2::Sha256;

    use super::*;

    fn entry(i: u64) -> Vec<u8> {
        format!("entry {i}").into_bytes()
    }

    struct Log {
        tree: Frontier,
        nodes: HashMap<NodeId, Digest>,
    }

    fn log(size: u64) -> Log {
        let mut log = Log { tree: Frontier::default(), nodes: HashMap::new() };
        for i in 0..size {
            for (level, index, hash) in log.tree.push(leaf_hash(&entry(i))) {
                assert_eq!(log.nodes.insert((level, index), hash), None, "finished once only");
            }
        }
        log
    }

    fn proof(log: &Log, index: u64) -> Vec<Digest> {
        inclusion_proof(index, log.tree.len(), &|level, index| {
            log.nodes.get(&(level, index)).copied()
        })
        .expect("proof")
    }

    fn oracle(size: u64) -> MemoryBackedTree<Sha256, Vec<u8>> {
        let mut tree = MemoryBackedTree::new();
        (0..size).for_each(|i| tree.push(entry(i)));
        tree
    }

    #[test]
    fn known_roots() {
        // From the test vectors of Certificate Transparency: the empty tree and one empty leaf.
        let root = |tree: &Frontier| tree.root().to_string();
        let mut tree = Frontier::default();
        assert_eq!(root(&tree), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        tree.push(leaf_hash(b""));
        assert_eq!(root(&tree), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
        tree.push(leaf_hash(&[0]));
        assert_eq!(root(&tree), "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125");
    }

    #[test]
    fn roots_equal_the_oracle_s() {
        let mut tree = Frontier::default();
        let mut other = MemoryBackedTree::<Sha256, Vec<u8>>::new();
        for i in 0..300 {
            tree.push(leaf_hash(&entry(i)));
            other.push(entry(i));
            assert_eq!(tree.root().as_bytes()[..], other.root().as_bytes()[..], "{i}");
            assert_eq!(tree.len(), i + 1);
        }
    }

    #[test]
    fn peaks_are_the_stored_nodes() {
        for size in 0..70 {
            let log = log(size);
            for (id, hash) in log.tree.peaks() {
                assert_eq!(log.nodes.get(&id), Some(&hash), "{size}");
            }
        }
    }

    #[test]
    fn a_proof_outside_or_without_its_hashes_is_refused() {
        assert_eq!(
            inclusion_proof(3, 3, &|_, _| None),
            Err(ProofError::Outside { index: 3, size: 3 })
        );
        assert_eq!(
            inclusion_proof(0, 2, &|_, _| None),
            Err(ProofError::Missing { level: 0, index: 1 })
        );
        assert_eq!(inclusion_proof(0, 1, &|_, _| None), Ok(vec![]));
        let long = vec![leaf_hash(b""); MAX_PROOF + 1];
        assert!(!verify_inclusion(leaf_hash(b""), 0, u64::MAX, &long, &leaf_hash(b"")));
        assert!(proof_nodes(u64::MAX - 1, u64::MAX).expect("path").len() <= 64 * 64);
    }

    proptest! {
        #[test]
        fn proofs_equal_the_oracle_s(size in 1_u64..300, pick in any::<prop::sample::Index>()) {
            let index = pick.index(usize::try_from(size)?);
            let ours: Vec<u8> = proof(&log(size), index as u64)
                .iter().flat_map(|d| *d.as_bytes()).collect();
            let theirs = oracle(size).prove_inclusion(index);
            prop_assert_eq!(&ours[..], theirs.as_bytes());
        }

        #[test]
        fn proofs_verify_and_mutated_ones_never(
            size in 1_u64..300,
            pick in any::<prop::sample::Index>(),
            other in 0_u64..400,
            flip in any::<prop::sample::Index>(),
            bit in 0_u32..8,
        ) {
            let index = pick.index(usize::try_from(size)?) as u64;
            let log = log(size);
            let (leaf, root, good) = (leaf_hash(&entry(index)), log.tree.root(), proof(&log, index));
            prop_assert!(verify_inclusion(leaf, index, size, &good, &root));
            if other != index {
                prop_assert!(!verify_inclusion(leaf, other, size, &good, &root));
                prop_assert!(!verify_inclusion(leaf_hash(&entry(other)), index, size, &good, &root));
            }
            let mut longer = good.clone();
            longer.push(root);
            prop_assert!(!verify_inclusion(leaf, index, size, &longer, &root));
            if !good.is_empty() {
                prop_assert!(!verify_inclusion(leaf, index, size, &good[1..], &root));
                prop_assert!(!verify_inclusion(leaf, index, size, &good[..good.len() - 1], &root));
                let at = flip.index(good.len() * 32);
                let mut bytes = *good[at / 32].as_bytes();
                bytes[at % 32] ^= 1 << bit;
                let mut bad = good.clone();
                bad[at / 32] = Digest::from_bytes(bytes);
                prop_assert!(!verify_inclusion(leaf, index, size, &bad, &root));
            }
        }
    }
}
