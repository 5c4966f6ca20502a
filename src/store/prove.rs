//! Proofs of entries that were written before, against the newest checkpoint.

use evensum_core::ledger::ReceiptParts;
use evensum_core::ledger::merkle::{ProofError, proof_nodes};
use sqlx::Connection;

use super::database::to_sql;
use super::nodes::Nodes;
use super::{Reader, StoreError};

impl Reader {
    /// The proofs of these entries, in this order, all against one checkpoint.
    ///
    /// # Errors
    /// [`StoreError::Proof`] where there is no such entry, [`StoreError::Read`].
    pub async fn receipts(&self, indices: &[u64]) -> Result<Vec<ReceiptParts>, StoreError> {
        let mut conn = self.conn.lock().await;
        let mut moment = conn.begin().await?;
        let newest: Option<(i64, String)> =
            sqlx::query_as("SELECT size, note FROM checkpoint ORDER BY size DESC LIMIT 1")
                .fetch_optional(&mut *moment)
                .await?;
        let (size, note) = newest.unwrap_or_default();
        let size = u64::try_from(size).unwrap_or_default();
        let wanted: Vec<Vec<_>> =
            indices.iter().map(|index| proof_nodes(*index, size)).collect::<Result<_, _>>()?;
        let mut nodes = Nodes::default();
        nodes.fetch(&mut moment, &Nodes::default(), &wanted.concat()).await?;
        let mut receipts = Vec::with_capacity(indices.len());
        for &index in indices {
            let entry: Option<Vec<u8>> =
                sqlx::query_scalar("SELECT bytes FROM record WHERE seq = ?1")
                    .bind(to_sql(index))
                    .fetch_optional(&mut *moment)
                    .await?;
            let entry = entry.ok_or(ProofError::Outside { index, size })?;
            let proof = nodes.proof(index, size)?;
            receipts.push(ReceiptParts { entry, index, proof, checkpoint: note.clone() });
        }
        moment.rollback().await?;
        Ok(receipts)
    }
}
