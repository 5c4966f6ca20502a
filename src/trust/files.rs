//! PEM files: reading certificates and keys with a limit, writing keys so that nobody else can read them
//! and no half-written file is ever seen.

use std::fmt;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use super::error::TrustError;

/// Bytes of a PEM file that are read: a chain of a few certificates is a tenth of it.
pub const MAX_PEM_BYTES: u64 = 64 * 1024;

/// A certificate with its chain, and its private key. `Debug` says nothing of the key.
pub struct Credentials {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Credentials {
    /// Reads a certificate chain (own certificate first) and its key from two PEM files.
    ///
    /// # Errors
    /// [`TrustError`] naming the file: unreadable, too long, without PEM, or a key that others can read.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, TrustError> {
        let chain = certificates(&read(certificate)?, certificate)?;
        refuse_open_key(key)?;
        Ok(Self { chain, key: private_key(&read(key)?, key)? })
    }

    /// Takes the two PEM texts.
    ///
    /// # Errors
    /// [`TrustError::NoPem`].
    pub fn from_pem(certificate: &str, key: &str) -> Result<Self, TrustError> {
        let text = Path::new("the text");
        Ok(Self {
            chain: certificates(certificate.as_bytes(), text)?,
            key: private_key(key.as_bytes(), text)?,
        })
    }

    /// The own certificate (DER).
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        self.chain.first().map_or(&[], |certificate| certificate.as_ref())
    }

    pub(super) fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    pub(super) fn key(&self) -> PrivateKeyDer<'static> {
        self.key.clone_key()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("certificates", &self.chain.len()).finish()
    }
}

/// The certificates of the federation's authority: old and new stand together while one replaces the other.
#[derive(Debug, Clone)]
pub struct Roots {
    certificates: Vec<CertificateDer<'static>>,
    store: Arc<RootCertStore>,
}

impl Roots {
    /// Reads the authority's certificates from a PEM file.
    ///
    /// # Errors
    /// [`TrustError`] naming the file.
    pub fn read(path: &Path) -> Result<Self, TrustError> {
        Self::new(certificates(&read(path)?, path)?)
    }

    /// Takes the PEM text.
    ///
    /// # Errors
    /// [`TrustError::NoPem`], or [`TrustError::Settings`] where a certificate is no trust anchor.
    pub fn from_pem(text: &str) -> Result<Self, TrustError> {
        Self::new(certificates(text.as_bytes(), Path::new("the text"))?)
    }

    fn new(certificates: Vec<CertificateDer<'static>>) -> Result<Self, TrustError> {
        let mut store = RootCertStore::empty();
        for certificate in &certificates {
            store.add(certificate.clone()).map_err(TrustError::Settings)?;
        }
        Ok(Self { certificates, store: Arc::new(store) })
    }

    pub(super) fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.certificates
    }

    pub(super) fn store(&self) -> Arc<RootCertStore> {
        Arc::clone(&self.store)
    }
}

/// Reads a private text file, which nobody but its owner and group may read.
///
/// # Errors
/// [`TrustError`] naming the file: unreadable, too long, no text, or one that others can read.
pub fn read_private(path: &Path) -> Result<Zeroizing<String>, TrustError> {
    refuse_open_key(path)?;
    let bytes = read(path)?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| TrustError::NoPem { path: path.to_owned(), what: "text" })?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// Makes sure that none of the files is there.
///
/// # Errors
/// [`TrustError::Exists`], the first that is.
pub fn absent(paths: &[&Path]) -> Result<(), TrustError> {
    match paths.iter().find(|path| path.exists()) {
        Some(path) => Err(TrustError::Exists((*path).to_owned())),
        None => Ok(()),
    }
}

/// Writes a private file, mode 0600 where the system has modes: the whole file or nothing.
///
/// # Errors
/// [`TrustError::Write`], or [`TrustError::Exists`] where `replace` is false and the file is there.
pub fn write_private(path: &Path, bytes: &[u8], replace: bool) -> Result<(), TrustError> {
    write(path, bytes, replace, 0o600)
}

/// Writes a file that anybody may read, mode 0644: the whole file or nothing.
///
/// # Errors
/// As [`write_private`].
pub fn write_public(path: &Path, bytes: &[u8], replace: bool) -> Result<(), TrustError> {
    write(path, bytes, replace, 0o644)
}

fn write(path: &Path, bytes: &[u8], replace: bool, mode: u32) -> Result<(), TrustError> {
    let failed = |source| TrustError::Write { path: path.to_owned(), source };
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // A new temporary file is 0600 from its first moment: the bytes are never open to others.
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    set_mode(file.as_file(), mode).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    if replace {
        file.persist(path).map_err(|error| failed(error.error))?;
    } else {
        file.persist_noclobber(path).map_err(|error| match error.error.kind() {
            std::io::ErrorKind::AlreadyExists => TrustError::Exists(path.to_owned()),
            _ => failed(error.error),
        })?;
    }
    Ok(())
}

#[cfg(unix)]
fn set_mode(file: &File, mode: u32) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn set_mode(_: &File, _: u32) -> std::io::Result<()> {
    Ok(())
}

/// Reading by the group is allowed: systemd credentials and mounted secrets come so.
#[cfg(unix)]
pub(super) fn refuse_open_key(path: &Path) -> Result<(), TrustError> {
    use std::os::unix::fs::PermissionsExt;
    let source = |source| TrustError::Read { path: path.to_owned(), source };
    let mode = std::fs::metadata(path).map_err(source)?.permissions().mode() & 0o777;
    if mode & 0o037 == 0 {
        Ok(())
    } else {
        Err(TrustError::OpenKey { path: path.to_owned(), mode })
    }
}

#[cfg(not(unix))]
pub(super) fn refuse_open_key(_: &Path) -> Result<(), TrustError> {
    Ok(())
}

pub(super) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, TrustError> {
    let failed = |source| TrustError::Read { path: path.to_owned(), source };
    let mut bytes = Zeroizing::new(Vec::new());
    File::open(path)
        .and_then(|file| file.take(MAX_PEM_BYTES + 1).read_to_end(&mut bytes))
        .map_err(failed)?;
    if bytes.len() as u64 > MAX_PEM_BYTES {
        return Err(TrustError::TooLong(path.to_owned()));
    }
    Ok(bytes)
}

fn certificates(pem: &[u8], path: &Path) -> Result<Vec<CertificateDer<'static>>, TrustError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(no_pem(path, "certificate")),
    }
}

fn private_key(pem: &[u8], path: &Path) -> Result<PrivateKeyDer<'static>, TrustError> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|_| no_pem(path, "private key"))
}

pub(super) fn no_pem(path: &Path, what: &'static str) -> TrustError {
    TrustError::NoPem { path: PathBuf::from(path), what }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_keys_are_private_and_never_replaced_unasked() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("node.key");
        write_private(&path, b"one", false).expect("written");
        assert!(matches!(write_private(&path, b"two", false), Err(TrustError::Exists(_))));
        assert_eq!(std::fs::read(&path).expect("readable"), b"one");
        write_private(&path, b"two", true).expect("replaced");
        assert_eq!(std::fs::read(&path).expect("readable"), b"two");
        #[cfg(unix)]
        refuse_open_key(&path).expect("private");
        let left = std::fs::read_dir(folder.path()).expect("readable").count();
        assert_eq!(left, 1, "no temporary file is left behind");
    }

    #[cfg(unix)]
    #[test]
    fn an_open_key_is_refused_by_name() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("node.key");
        write_private(&path, b"x", false).expect("written");
        for (mode, fine) in [(0o644, false), (0o660, false), (0o604, false), (0o440, true)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("set");
            assert_eq!(refuse_open_key(&path).is_ok(), fine, "{mode:o}");
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("set");
        let said = refuse_open_key(&path).expect_err("open").to_string();
        assert!(said.contains("node.key") && said.contains("chmod 600"), "{said}");
    }

    #[test]
    fn long_and_empty_files_are_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ca.pem");
        assert!(matches!(Roots::read(&path), Err(TrustError::Read { .. })));
        std::fs::write(&path, "no PEM here").expect("written");
        assert!(matches!(Roots::read(&path), Err(TrustError::NoPem { .. })));
        std::fs::write(&path, vec![b'x'; MAX_PEM_BYTES as usize + 1]).expect("written");
        assert!(matches!(Roots::read(&path), Err(TrustError::TooLong(_))));
    }
}
