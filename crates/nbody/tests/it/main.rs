//! Tests of the N-body crate: one binary.

mod adaptive;
mod chaos;
mod common;

mod disks;
mod golden;
mod gravity;
mod integration;
mod likeness;
mod orbits;
#[cfg(feature = "pipeline")]
mod pipeline;
mod potentials;
mod sky;
mod spheres;
mod streams;
mod tables;
