//! Tests of the N-body crate: one binary.

mod gravity;
