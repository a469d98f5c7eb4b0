//! The chapters of the book: `cargo test -p adastra-book --doc` runs their code.

#[doc = include_str!("src/getting-started.md")]
pub mod getting_started {}
#[doc = include_str!("src/conventions.md")]
pub mod conventions {}
#[doc = include_str!("src/plugins.md")]
pub mod plugins {}
#[doc = include_str!("src/memory.md")]
pub mod memory {}
#[doc = include_str!("src/jax.md")]
pub mod jax {}
