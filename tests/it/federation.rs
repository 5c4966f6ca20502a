//! The program as it is shipped: a coordinator, its partners and an analyst as processes of their own, with
//! real files, real certificates and real signals.

mod bench;
mod configuration;
mod damage;
mod demonstration;
mod extracts;
mod harness;
mod help;
mod life;
mod process;
mod refusals;
mod shown;
