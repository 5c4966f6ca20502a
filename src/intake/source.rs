//! The bytes of a partner's file: as they are or, where it is packed with gzip or zstd, unpacked while they are
//! read.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::read::MultiGzDecoder;

use super::error::{IntakeError, io};

/// The most bytes that a packed file may unpack to: over 600 for each row of the largest load.
pub const MAX_UNPACKED_BYTES: u64 = 32 << 30;

/// What a file begins with that is packed with gzip.
const GZIP: &[u8] = b"\x1f\x8b";
/// The same of zstd.
const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd";
/// The widest window that zstd may look back into, as a power of two: 128 MiB, as its own tool has it.
const ZSTD_WINDOW: u32 = 27;

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
        Some(Mark::Damaged) => IntakeError::DamagedPacking,
        Some(Mark::Unpacked) => IntakeError::UnpacksTooLarge,
        Some(Mark::Ceiling) | None => io(path, "read")(error),
    }
}

/// How much of a file has been read, in bytes as they lie on disk.
#[derive(Debug, Clone, Default)]
pub(super) struct Meter(Arc<AtomicU64>);

impl Meter {
    pub(super) fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

struct Counted<R> {
    inner: R,
    meter: Meter,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let taken = self.inner.read(buffer)?;
        self.meter.0.fetch_add(taken as u64, Ordering::Relaxed);
        Ok(taken)
    }
}

/// The first bytes of a file, at most so many.
pub(super) fn head(path: &Path, most: u64) -> Result<Vec<u8>, IntakeError> {
    let mut head = Vec::new();
    let file = File::open(path).map_err(io(path, "read"))?;
    file.take(most).read_to_end(&mut head).map_err(io(path, "read"))?;
    Ok(head)
}

/// Opens a file, packed or not: its first bytes say which.
pub(super) fn open(path: &Path) -> Result<Box<dyn Read + Send>, IntakeError> {
    open_metered(path, Meter::default())
}

/// Opens a file and counts what is read of it.
pub(super) fn open_metered(path: &Path, meter: Meter) -> Result<Box<dyn Read + Send>, IntakeError> {
    let file = File::open(path).map_err(io(path, "read"))?;
    let mut file = Counted { inner: file, meter };
    let mut head = Vec::new();
    (&mut file).take(ZSTD.len() as u64).read_to_end(&mut head).map_err(io(path, "read"))?;
    let packing = [GZIP, ZSTD].into_iter().find(|magic| head.starts_with(magic));
    let bytes = Cursor::new(head).chain(file);
    Ok(match packing {
        None => Box::new(bytes),
        Some(GZIP) => {
            let inner = MultiGzDecoder::new(BufReader::new(bytes));
            Box::new(Unpacked { inner, left: MAX_UNPACKED_BYTES })
        }
        Some(_) => {
            let mut inner = zstd::stream::read::Decoder::new(bytes).map_err(io(path, "read"))?;
            inner.window_log_max(ZSTD_WINDOW).map_err(io(path, "read"))?;
            Box::new(Unpacked { inner, left: MAX_UNPACKED_BYTES })
        }
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
