//! The audit log as values: canonical entries, the Merkle tree over them, the signed checkpoint of the tree,
//! and [`Receipt`], the proof that an entry stands in a log. Nothing here reads or writes a file.

pub mod checkpoint;
pub mod entry;
pub mod merkle;
mod receipt;

pub use checkpoint::{Checkpoint, CheckpointError, origin};
pub use entry::{
    Asked, Deletion, Entry, EntryError, Event, Kept, Missing, OpenedTable, PoolStep, RoundRef,
    Stop, Tested,
};
pub use receipt::{Receipt, ReceiptError, ReceiptParts, Verifier};
