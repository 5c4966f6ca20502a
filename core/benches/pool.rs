//! What the two-server sum costs. `cargo bench -p evensum-core --bench pool` prints Markdown.

use std::io::Write;
use std::time::Instant;

use evensum_core::model::{Digest, Ods, SnapshotVersion};
use evensum_core::pool::{
    Aggregator, BITS_20, Context, DepositId, PoolError, Role, SealKey, Sealed, SumOfShares, Totals,
    VectorSpec, VerifyKey, join, open, share,
};

const CELLS: u32 = 2_310;
const MARGIN: u32 = 30;
/// The quickest of so many rounds is what the work takes: what else the machine does only slows.
const ROUNDS: usize = 5;
/// Openings of which the middle one counts.
const OPENINGS: usize = 1_001;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Milliseconds that the steps of one round take, all parties' together.
#[derive(Default)]
struct Spent {
    share: f64,
    seal: f64,
    unseal: f64,
    begin: f64,
    join: f64,
    finish: f64,
    add: f64,
    open: f64,
}

impl Spent {
    fn total(&self) -> f64 {
        let Self { share, seal, unseal, begin, join, finish, add, open } = self;
        share + seal + unseal + begin + join + finish + add + open
    }
}

fn timed<T>(into: &mut f64, work: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let outcome = work();
    *into += begun.elapsed().as_secs_f64() * 1e3;
    outcome
}

struct Servers {
    leader: Aggregator,
    helper: Aggregator,
    leader_key: SealKey,
    helper_key: SealKey,
}

impl Servers {
    fn new() -> Result<Self, PoolError> {
        let key = VerifyKey::generate()?;
        Ok(Self {
            leader: Aggregator::leader(key.clone()),
            helper: Aggregator::helper(key),
            leader_key: SealKey::generate()?,
            helper_key: SealKey::generate()?,
        })
    }
}

/// One partner's contribution from its figures to both servers' sums.
fn contribute(
    servers: &Servers,
    context: &Context,
    values: &[u64],
    sums: &mut (SumOfShares, SumOfShares),
    spent: &mut Spent,
) -> Outcome<()> {
    let spec = sums.0.spec();
    let shared = timed(&mut spent.share, || share(context, spec, values))?;
    let seal = |key: &SealKey, role| {
        key.public().seal(&context.sealing(role), shared.part(role)).map(Sealed::into_bytes)
    };
    let first = timed(&mut spent.seal, || seal(&servers.leader_key, Role::Leader))?;
    let second = timed(&mut spent.seal, || seal(&servers.helper_key, Role::Helper))?;
    let unseal = |key: &SealKey, bytes, role| {
        Sealed::from_bytes(bytes).and_then(|sealed| key.open(&sealed, &context.sealing(role)))
    };
    let first = timed(&mut spent.unseal, || unseal(&servers.leader_key, first, Role::Leader))?;
    let second = timed(&mut spent.unseal, || unseal(&servers.helper_key, second, Role::Helper))?;
    let (one, own) = timed(&mut spent.begin, || servers.leader.begin(context, spec, &first))?;
    let (other, sent) = timed(&mut spent.begin, || servers.helper.begin(context, spec, &second))?;
    let message = timed(&mut spent.join, || join(context, spec, &own, &sent))?;
    let one = timed(&mut spent.finish, || one.finish(&message))?;
    let other = timed(&mut spent.finish, || other.finish(&message))?;
    timed(&mut spent.add, || sums.0.add(one).and_then(|()| sums.1.add(other)))?;
    Ok(())
}

/// The second server's share travels, the coordinator puts both together.
fn opened(sums: &(SumOfShares, SumOfShares), cells: &[u32]) -> Outcome<Totals> {
    let sent = sums.1.select(cells)?.to_bytes()?;
    let received = evensum_core::pool::ShareOf::from_bytes(Role::Helper, &sent)?;
    Ok(open(&sums.0.select(cells)?, &received)?)
}

fn round(nodes: u32) -> Outcome<(Spent, (SumOfShares, SumOfShares))> {
    let spec = VectorSpec::new(CELLS, BITS_20)?;
    let deposit =
        DepositId::new(&Digest::of(b"lock"), SnapshotVersion::Final, &Digest::of(b"members"), 0);
    let servers = Servers::new()?;
    let mut sums = (
        SumOfShares::empty(Role::Leader, deposit, spec),
        SumOfShares::empty(Role::Helper, deposit, spec),
    );
    let mut spent = Spent::default();
    for node in 0..nodes {
        let context = Context::new(deposit, Ods::new(format!("R{node:04}"))?);
        let values: Vec<u64> = (0..CELLS).map(|c| u64::from((c * 7 + node * 13) % 40)).collect();
        contribute(&servers, &context, &values, &mut sums, &mut spent)?;
    }
    let all: Vec<u32> = (0..CELLS).collect();
    timed(&mut spent.open, || opened(&sums, &all))?;
    Ok((spent, sums))
}

fn row(out: &mut impl Write, nodes: u32, spent: &Spent) -> Outcome<()> {
    let Spent { share, seal, unseal, begin, join, finish, add, open } = spent;
    let total = spent.total();
    write!(out, "| {nodes} | {share:.1} | {seal:.1} | {unseal:.1} | {begin:.1} | {join:.1} ")?;
    writeln!(out, "| {finish:.1} | {add:.1} | {open:.2} | {total:.0} |")?;
    Ok(())
}

fn main() -> Outcome<()> {
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{CELLS} cells of {BITS_20} bits, milliseconds of one core, all parties together\n"
    )?;
    writeln!(
        out,
        "| partners | share | seal | unseal | begin | join | finish | add | open all | total |"
    )?;
    writeln!(out, "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")?;
    let (mut best, sums) = round(10)?;
    for _ in 1..ROUNDS {
        let (spent, _) = round(10)?;
        if spent.total() < best.total() {
            best = spent;
        }
    }
    row(&mut out, 10, &best)?;
    row(&mut out, 200, &round(200)?.0)?;
    let cells: Vec<u32> = (0..MARGIN).map(|c| c * (CELLS / MARGIN)).collect();
    let mut times = Vec::with_capacity(OPENINGS);
    for _ in 0..OPENINGS {
        let mut spent = 0.0;
        timed(&mut spent, || opened(&sums, &cells))?;
        times.push(spent);
    }
    times.sort_by(f64::total_cmp);
    writeln!(out, "\nOpening {MARGIN} cells: {:.4} ms (p50 of {OPENINGS})", times[OPENINGS / 2])?;
    Ok(())
}
