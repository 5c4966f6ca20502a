//! The disclosure test against two linear programs a cell, on small tables of many kinds.

mod exact;
mod oracle;
mod tables;
mod verdicts;
