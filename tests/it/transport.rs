//! Nodes that dial a coordinator, and coordinators that dial nodes: who gets in, who is told what, what happens
//! when either end goes, and what stands between them.

mod addresses;
mod fixture;
mod life;
mod listen;
mod proxies;
mod refusals;
