//! The two servers' sides: that a contribution holds figures within their bounds is found by both together, neither
//! seeing a figure. (VDAF draft 18, Prio3: `verify_init`, `verifier_shares_to_message`, `verify_next`.)

use std::fmt;

use prio::codec::{Encode, ParameterizedDecode};
use prio::field::Field128;
use prio::vdaf::prio3::{
    Prio3InputShare, Prio3PublicShare, Prio3SumVec, Prio3VerifierMessage, Prio3VerifierShare,
    Prio3VerifyState,
};
use prio::vdaf::{Aggregator as _, VerifyTransition};
use zeroize::Zeroizing;

use super::bytes::{Element, Elements, Reader, VERSION, write_elements};
use super::share::Part;
use super::{Context, DepositId, PoolError, Role, VectorSpec};
use crate::model::{Digest, Ods};

/// The most bytes of what the servers send each other about one contribution.
pub const MAX_MESSAGE_BYTES: usize = 32 * 1024;

const SEED_BYTES: usize = 32;

/// Kinds of byte strings; the first and the last are with the role added.
const VERIFIER: u8 = 0x20;
const MESSAGE: u8 = 0x30;
const OUTPUT: u8 = 0x40;

type State = Prio3VerifyState<Field128, SEED_BYTES>;
type Verifier = Prio3VerifierShare<Field128, SEED_BYTES>;
type Message = Prio3VerifierMessage<SEED_BYTES>;

/// A secret of the two servers, which no partner may know: it picks the points at which proofs are checked, and who
/// knows them beforehand can prove anything.
#[derive(Clone)]
pub struct VerifyKey(Zeroizing<[u8; SEED_BYTES]>);

impl VerifyKey {
    /// Makes a key from the randomness of the system.
    ///
    /// # Errors
    /// [`PoolError::Generation`].
    pub fn generate() -> Result<Self, PoolError> {
        let mut bytes = Zeroizing::new([0; SEED_BYTES]);
        aws_lc_rs::rand::fill(bytes.as_mut_slice()).map_err(|_| PoolError::Generation)?;
        Ok(Self(bytes))
    }

    /// Takes the 32 bytes that the other server sent.
    ///
    /// # Errors
    /// [`PoolError::Verify`] where they are not 32.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PoolError> {
        let mut key = Zeroizing::new([0; SEED_BYTES]);
        if bytes.len() != SEED_BYTES {
            return Err(PoolError::Verify);
        }
        key.copy_from_slice(bytes);
        Ok(Self(key))
    }

    /// The bytes, to be sealed for the other server or kept in a key file.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<[u8; SEED_BYTES]> {
        self.0.clone()
    }
}

impl fmt::Debug for VerifyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VerifyKey")
    }
}

/// One of the two servers.
#[derive(Debug)]
pub struct Aggregator {
    role: Role,
    key: VerifyKey,
}

impl Aggregator {
    /// The coordinator.
    #[must_use]
    pub const fn leader(key: VerifyKey) -> Self {
        Self { role: Role::Leader, key }
    }

    /// The independent second server.
    #[must_use]
    pub const fn helper(key: VerifyKey) -> Self {
        Self { role: Role::Helper, key }
    }

    /// Begins with the part that a partner sealed for this server. The bytes are this server's share of the check, for
    /// [`join`]; they may be shown to the other server.
    ///
    /// # Errors
    /// [`PoolError::Verify`].
    pub fn begin(
        &self,
        context: &Context,
        spec: VectorSpec,
        part: &[u8],
    ) -> Result<(Pending, Vec<u8>), PoolError> {
        let begun = || {
            let vdaf = spec.vdaf().ok()?;
            let part = Part::unpack(self.role, part)?;
            let public = Prio3PublicShare::get_decoded_with_param(&vdaf, part.public).ok()?;
            let input =
                Prio3InputShare::get_decoded_with_param(&(&vdaf, self.role.index()), part.input)
                    .ok()?;
            let (state, verifier) = vdaf
                .verify_init(
                    &self.key.0,
                    &context.sharing(spec),
                    self.role.index(),
                    &(),
                    &part.nonce,
                    &public,
                    &input,
                )
                .ok()?;
            let mut out = vec![VERSION, VERIFIER + self.role.byte()];
            // A server replaces its own half of the public share by what it works out, so prio would not see that the
            // two were sent different ones.
            out.extend_from_slice(Digest::of(part.common).as_bytes());
            verifier.encode(&mut out).ok()?;
            let pending = Pending { role: self.role, context: context.clone(), spec, state };
            Some((pending, out))
        };
        begun().ok_or(PoolError::Verify)
    }
}

/// Joins the two servers' shares of the check. Either may do it; the message is for both.
///
/// # Errors
/// [`PoolError::Verify`] where a figure of the contribution is out of its bounds, or anything was altered.
pub fn join(
    context: &Context,
    spec: VectorSpec,
    leader: &[u8],
    helper: &[u8],
) -> Result<Vec<u8>, PoolError> {
    let joined = || {
        let vdaf = spec.vdaf().ok()?;
        let shape = shape(&vdaf)?;
        let (one, leader) = verifier(&shape, Role::Leader, leader)?;
        let (other, helper) = verifier(&shape, Role::Helper, helper)?;
        if one != other {
            return None;
        }
        let shares = [leader, helper];
        let message = vdaf.verifier_shares_to_message(&context.sharing(spec), &(), shares).ok()?;
        let mut out = vec![VERSION, MESSAGE];
        message.encode(&mut out).ok()?;
        Some(out)
    };
    joined().ok_or(PoolError::Verify)
}

/// A state of the right shape: prio reads the servers' messages with one, of which it takes lengths only.
fn shape(vdaf: &Prio3SumVec) -> Option<State> {
    let seeds = [0; 2 * SEED_BYTES];
    State::get_decoded_with_param(&(vdaf, Role::Helper.index()), &seeds).ok()
}

/// What both parts have in common, and a server's share of the check.
fn verifier(shape: &State, role: Role, bytes: &[u8]) -> Option<(Digest, Verifier)> {
    if bytes.len() > MAX_MESSAGE_BYTES {
        return None;
    }
    let mut reader = Reader::new(bytes, VERIFIER + role.byte())?;
    let common = Digest::from_bytes(reader.array()?);
    Some((common, Verifier::get_decoded_with_param(shape, reader.rest()).ok()?))
}

/// A contribution of which one server has begun to find whether it is in order.
pub struct Pending {
    role: Role,
    context: Context,
    spec: VectorSpec,
    state: State,
}

impl Pending {
    /// Ends with the message of [`join`]: this server's share of the partner's figures, which are within their bounds.
    ///
    /// # Errors
    /// [`PoolError::Verify`] where the message is of another contribution, or the two servers' parts are not of one.
    pub fn finish(self, message: &[u8]) -> Result<OutputShare, PoolError> {
        let Self { role, context, spec, state } = self;
        let finished = || {
            let vdaf = spec.vdaf().ok()?;
            if message.len() > MAX_MESSAGE_BYTES {
                return None;
            }
            let rest = Reader::new(message, MESSAGE)?.rest();
            let message = Message::get_decoded_with_param(&state, rest).ok()?;
            match vdaf.verify_next(&context.sharing(spec), state, message).ok()? {
                VerifyTransition::Finish(share) => {
                    Some(Zeroizing::new(share.as_ref().iter().copied().map(Element).collect()))
                }
                VerifyTransition::Continue(..) => None,
            }
        };
        let elements = finished().ok_or(PoolError::Verify)?;
        Ok(OutputShare { role, context, spec, elements })
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pending({:?}, {:?})", self.role, self.context)
    }
}

/// One server's share of one partner's figures, found to be in order. It is wiped when it is dropped.
pub struct OutputShare {
    role: Role,
    context: Context,
    spec: VectorSpec,
    elements: Elements,
}

impl OutputShare {
    /// Whose share it is.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// What it is bound to.
    #[must_use]
    pub const fn context(&self) -> &Context {
        &self.context
    }

    /// The shape.
    #[must_use]
    pub const fn spec(&self) -> VectorSpec {
        self.spec
    }

    pub(super) fn elements(&self) -> &[Element] {
        &self.elements
    }

    /// The bytes, to be kept until the round is closed, when it is known whose contributions count.
    ///
    /// # Errors
    /// [`PoolError::Stored`] where the library cannot write it.
    pub fn to_bytes(&self) -> Result<Zeroizing<Vec<u8>>, PoolError> {
        let partner = self.context.partner().as_str().as_bytes();
        let length = u8::try_from(partner.len()).map_err(|_| PoolError::Stored)?;
        let mut out = Zeroizing::new(Vec::with_capacity(
            64 + self.elements.len() * super::bytes::ELEMENT_BYTES,
        ));
        out.extend_from_slice(&[VERSION, OUTPUT + self.role.byte()]);
        out.extend_from_slice(self.context.deposit().as_bytes());
        out.extend_from_slice(&self.spec.to_bytes());
        out.push(length);
        out.extend_from_slice(partner);
        write_elements(&self.elements, &mut out).ok_or(PoolError::Stored)?;
        Ok(out)
    }

    /// Reads what [`OutputShare::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`PoolError::Stored`].
    pub fn from_bytes(role: Role, bytes: &[u8]) -> Result<Self, PoolError> {
        let read = || {
            let mut reader = Reader::new(bytes, OUTPUT + role.byte())?;
            let deposit = DepositId::from_bytes(reader.array()?);
            let spec = VectorSpec::from_bytes(reader.array()?)?;
            let length = usize::from(reader.u8()?);
            let partner = Ods::new(std::str::from_utf8(reader.take(length)?).ok()?).ok()?;
            let elements = reader.elements(spec.size())?;
            reader.end()?;
            Some(Self { role, context: Context::new(deposit, partner), spec, elements })
        };
        read().ok_or(PoolError::Stored)
    }
}

impl fmt::Debug for OutputShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OutputShare({:?}, {:?})", self.role, self.context)
    }
}

#[cfg(test)]
pub(super) mod tests;
