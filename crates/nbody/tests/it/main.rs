//! Tests of the N-body crate: one binary.

mod common;

mod golden;
mod gravity;
mod integration;
mod likeness;
mod potentials;
mod sky;
mod spheres;
mod tree;
