//! The one place that says what a gRPC status means for the transport.
//!
//! tonic uses some codes in its own way: an expired deadline is `Cancelled`, a dead connection may be
//! `Unknown`, and a peer that asks for calm is `ResourceExhausted`. A status that came over the wire has no
//! source; one that this end made of a transport error has one, and by that they are told apart.

use std::error::Error;

use tonic::{Code, Status};

/// What became of a call that did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The deadline passed. The other end may have done the work.
    Deadline,
    /// The connection is gone, or the other end cannot be reached.
    Unavailable,
    /// A message is longer than one of the ends allows.
    TooLarge,
    /// The other end answered with this code.
    Answered(Code),
}

impl Failure {
    /// The code that goes on to whoever asked us.
    #[must_use]
    pub const fn code(self) -> Code {
        match self {
            Self::Deadline => Code::DeadlineExceeded,
            Self::Unavailable => Code::Unavailable,
            Self::TooLarge => Code::ResourceExhausted,
            Self::Answered(code) => code,
        }
    }
}

/// Reads a status of a call that failed.
#[must_use]
pub fn classify(status: &Status) -> Failure {
    let made_here = status.source().is_some();
    match status.code() {
        Code::DeadlineExceeded => Failure::Deadline,
        Code::Cancelled if status.message() == "Timeout expired" => Failure::Deadline,
        Code::OutOfRange if status.message().contains("message length too large") => {
            Failure::TooLarge
        }
        Code::Unavailable => Failure::Unavailable,
        _ if made_here => Failure::Unavailable,
        code => Failure::Answered(code),
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn codes_of_the_wire_are_answers() {
        for code in [Code::PermissionDenied, Code::Unknown, Code::Cancelled, Code::Internal] {
            assert_eq!(classify(&Status::new(code, "said")), Failure::Answered(code));
        }
        let own = Status::resource_exhausted("budget");
        assert_eq!(classify(&own), Failure::Answered(Code::ResourceExhausted));
        assert_eq!(
            classify(&Status::out_of_range("no such page")),
            Failure::Answered(Code::OutOfRange)
        );
    }

    #[test]
    fn transport_troubles_have_three_names() {
        assert_eq!(classify(&Status::cancelled("Timeout expired")), Failure::Deadline);
        assert_eq!(classify(&Status::deadline_exceeded("late")), Failure::Deadline);
        assert_eq!(classify(&Status::unavailable("gone")), Failure::Unavailable);
        let broken = Status::from_error(io::Error::from(io::ErrorKind::BrokenPipe).into());
        assert_eq!((broken.code(), classify(&broken)), (Code::Unknown, Failure::Unavailable));
        let long = Status::out_of_range("Error, decoded message length too large: found 9 bytes");
        assert_eq!(classify(&long), Failure::TooLarge);
        assert_eq!(Failure::TooLarge.code(), Code::ResourceExhausted);
    }
}
