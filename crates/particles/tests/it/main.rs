//! Tests of particles against an independent code, difference quotients, conservation laws and an
//! orbit. One binary: each would compile the transforms anew.

mod common;
mod errors;
mod golden;
mod gradients;
mod initial;
mod leapfrog;
mod motions;
mod threads;
