//! Whole nodes and a whole coordinator, with real TLS, real databases and real extracts, and somebody at
//! the other end who forges, replays, lies, or stays silent.

mod beside_sum;
mod canary;
mod clocks;
mod concurrent;
mod disk;
mod envelopes;
mod extracts;
mod false_claims;
mod fixture;
mod forge;
mod forms;
mod leaks;
mod liars;
mod live;
mod many;
mod members;
mod network;
mod promises;
mod questions;
mod replays;
mod rogues;
mod sum_late;
mod sum_plaintext;
mod sum_registers;
mod sum_words;
mod sum_world;
mod tape;
mod views;
mod wire;
