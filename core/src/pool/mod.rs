//! Adding up what nobody may see: partners' tables become numbers that are cut into two parts, each of which says
//! nothing by itself; two servers of different organisations add their parts up, and only totals are put together again.

mod documents;
mod round;
mod shape;

pub use documents::{
    Closing, DocumentError, Enclosed, Opening, Ready, Returned, Round, RoundDocument,
};
pub use round::{BoundRound, RoundError};
pub use shape::{Pick, Shape};
