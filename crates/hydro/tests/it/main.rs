//! Tests of gas against an independent code, analytic solutions, conservation laws and difference
//! quotients. One binary: each would compile the kernels anew.

mod accretion;
mod common;
mod driving;
mod errors;
mod evrard;
mod golden;
mod gradients;
mod invariants;
mod physics;
mod shear;
