//! The node key: 32 secret bytes that never leave the node. Hashes over rows or unreleased counts are
//! keyed with it, so that nobody else can guess their way back to the data.

use std::fmt;

use aws_lc_rs::hmac;
use evensum_core::model::Digest;
use zeroize::Zeroizing;

/// A node's secret key for keyed hashes. Held as the hash's prepared state, which the library wipes from
/// memory when it is dropped: preparing it costs as much as hashing an identifier.
#[derive(Clone)]
pub struct NodeKey(hmac::Key);

impl NodeKey {
    /// Takes the 32 bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        let bytes = Zeroizing::new(bytes);
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes.as_slice()))
    }

    /// HMAC-SHA256 under this key over `context`, a zero byte and `data`. The context keeps uses of the
    /// key apart and holds no zero byte itself.
    #[must_use]
    pub fn hmac(&self, context: &str, data: &[u8]) -> Digest {
        let mut running = self.begin(context);
        running.update(data);
        finish(running)
    }

    /// The same, over everything that a reader gives.
    ///
    /// # Errors
    /// The reader's.
    pub fn hmac_of(&self, context: &str, data: &mut dyn std::io::Read) -> std::io::Result<Digest> {
        let mut running = self.begin(context);
        let mut piece = vec![0; 1 << 16];
        loop {
            match data.read(&mut piece) {
                Ok(0) => return Ok(finish(running)),
                Ok(n) => running.update(&piece[..n]),
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }

    /// The same, for data that comes in pieces.
    pub(super) fn begin(&self, context: &str) -> hmac::Context {
        let mut running = hmac::Context::with_key(&self.0);
        running.update(context.as_bytes());
        running.update(&[0]);
        running
    }
}

/// The value of a hash that was fed in pieces.
pub(super) fn finish(running: hmac::Context) -> Digest {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(running.sign().as_ref());
    Digest::from_bytes(bytes)
}

impl fmt::Debug for NodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NodeKey(..)")
    }
}
