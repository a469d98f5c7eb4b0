//! Tests of the wave against an independent code, analytic solutions, conservation laws and
//! difference quotients. One binary: each would compile the transforms anew.

mod absorb;
mod common;
mod conservation;
mod cosmology;
mod cost;
mod golden;
mod gradients;
mod input;
mod operators;
mod physics;
