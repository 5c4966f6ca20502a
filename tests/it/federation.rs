//! The program as it is shipped: a coordinator, its partners and an analyst as processes of their own, with
//! real files, real certificates and real signals.

mod bench;
mod cell_keys;
mod configuration;
mod damage;
mod demonstration;
mod documented;
mod england;
mod exports;
mod extracts;
mod faults;
mod harness;
mod help;
mod life;
mod many;
mod measured;
mod own_data;
mod own_report;
mod process;
mod publication;
mod pushdown;
mod python;
mod quality;
mod refusals;
mod report;
mod second_server;
mod sectors;
mod shown;
mod staging;
mod sum;
mod sum_faults;
mod sum_kinds;
mod ways;
mod withdrawal;
