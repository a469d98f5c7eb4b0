//! Tests of the N-body crate: one binary.

mod common;
#[cfg(feature = "pipeline")]
mod configured;

mod adaptive;
#[cfg(feature = "pipeline")]
mod bars;
#[cfg(feature = "pipeline")]
mod beginnings;
mod chaos;
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
mod track;
mod tree;
