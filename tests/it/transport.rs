//! Nodes that dial a coordinator: who gets in, who is told what, and what happens when either end goes.

mod fixture;
mod life;
mod refusals;
