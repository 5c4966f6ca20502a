//! Where a person lives, from the small area that the source has or from the postcode. Either lives in memory
//! only; what is kept is a decile and a board.

use evensum_core::model::ImdEdition;

use super::error::IntakeError;
use crate::reference::{
    Listed, LsoaCode, PostcodeTable, PseudoPostcode, Reference, Residence, Written,
};

/// The source columns that an area is read from.
pub(super) const COLUMNS: [&str; 2] = ["lsoa", "postcode"];

/// How a field says where somebody lives.
#[derive(Debug, Clone, Copy)]
pub(super) enum AreaFrom<'a> {
    /// By a small area.
    Lsoa,
    /// By a postcode, whose small area a directory has.
    Postcode(&'a PostcodeTable),
}

/// What a field says of where somebody lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Home {
    England(LsoaCode),
    Elsewhere,
    Pseudo(PseudoPostcode),
    /// Well formed, and in no area of the directory.
    Unmatched,
    Invalid,
}

impl<'a> AreaFrom<'a> {
    /// The way for a source column: postcodes need a directory with the areas of the edition's census.
    pub(super) fn new(
        column: &str,
        edition: ImdEdition,
        reference: &'a Reference,
    ) -> Result<Self, IntakeError> {
        if column != "postcode" {
            return Ok(Self::Lsoa);
        }
        let vintage = edition.lsoa_vintage();
        let table = reference.postcodes(vintage)?.ok_or(IntakeError::NoPostcodes(vintage))?;
        Ok(Self::Postcode(table))
    }

    /// Reads a field.
    pub(super) fn home(self, text: &str) -> Home {
        let residence = match self {
            Self::Lsoa => Residence::parse(text),
            Self::Postcode(table) => match Written::parse(text) {
                None => None,
                Some(Written::Pseudo(kind)) => return Home::Pseudo(kind),
                Some(Written::Real(postcode)) => match table.find(postcode) {
                    Listed::At(residence) => Some(residence),
                    Listed::NoArea | Listed::Not => return Home::Unmatched,
                },
            },
        };
        match residence {
            None => Home::Invalid,
            Some(Residence::Elsewhere) => Home::Elsewhere,
            Some(Residence::England(code)) => Home::England(code),
        }
    }
}
