//! The bytes of a partner's file: as they are or, where it is packed with gzip, unpacked while they are read.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use super::error::{IntakeError, io};

/// The most bytes that a packed file may unpack to: over 600 for each row of the largest load.
pub const MAX_UNPACKED_BYTES: u64 = 32 << 30;

/// What a file begins with that is packed with gzip.
const GZIP: &[u8] = b"\x1f\x8b";

/// Errors of our own that pass through `std::io`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Mark {
    #[error("a record is too long")]
    Ceiling,
    #[error("the text is not in its encoding")]
    Encoding,
    #[error("the packed file is damaged")]
    Damaged,
    #[error("the packed file is too large")]
    Unpacked,
}

impl Mark {
    /// The mark that an error carries.
    pub(super) fn of(error: &io::Error) -> Option<Self> {
        error.get_ref().and_then(|e| e.downcast_ref()).copied()
    }
}

/// What a failure to read means.
pub(super) fn failed(path: &Path, error: io::Error) -> IntakeError {
    match Mark::of(&error) {
        Some(Mark::Encoding) => IntakeError::NotUtf16,
        Some(Mark::Damaged) => IntakeError::DamagedGzip,
        Some(Mark::Unpacked) => IntakeError::UnpacksTooLarge,
        Some(Mark::Ceiling) | None => io(path, "read")(error),
    }
}

/// Opens a file, packed or not: its first bytes say which.
pub(super) fn open(path: &Path) -> Result<Box<dyn Read + Send>, IntakeError> {
    let mut file = File::open(path).map_err(io(path, "read"))?;
    let mut head = Vec::new();
    (&mut file).take(GZIP.len() as u64).read_to_end(&mut head).map_err(io(path, "read"))?;
    let packed = head == GZIP;
    let bytes = Cursor::new(head).chain(file);
    Ok(if packed {
        let inner = MultiGzDecoder::new(BufReader::new(bytes));
        Box::new(Unpacked { inner, left: MAX_UNPACKED_BYTES })
    } else {
        Box::new(bytes)
    })
}

/// Unpacks so many bytes and no more, and tells a file that is damaged from a disk that is.
struct Unpacked<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let taken = self.inner.read(buffer).map_err(|e| match e.raw_os_error() {
            Some(_) => e,
            None => io::Error::other(Mark::Damaged),
        })?;
        self.left =
            self.left.checked_sub(taken as u64).ok_or_else(|| io::Error::other(Mark::Unpacked))?;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_unpacked_than_the_limit() {
        let read = |left| {
            let mut bytes = Vec::new();
            let mut unpacked = Unpacked { inner: &[7_u8; 1000][..], left };
            unpacked.read_to_end(&mut bytes).map_err(|e| Mark::of(&e)).map(|_| bytes.len())
        };
        assert_eq!((read(1000), read(999)), (Ok(1000), Err(Some(Mark::Unpacked))));
    }

    #[test]
    fn a_disk_that_fails_is_not_taken_for_a_damaged_file() {
        struct Failing(fn() -> io::Error);
        impl Read for Failing {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err((self.0)())
            }
        }
        let mark = |error: fn() -> io::Error| {
            let mut unpacked = Unpacked { inner: Failing(error), left: 1 };
            unpacked.read(&mut [0]).err().and_then(|e| Mark::of(&e))
        };
        assert_eq!(mark(|| io::Error::from_raw_os_error(5)), None);
        assert_eq!(mark(|| io::ErrorKind::UnexpectedEof.into()), Some(Mark::Damaged));
    }
}
