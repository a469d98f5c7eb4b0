//! Blocks: neighbouring lines of a field, transposed so that one vector register holds the same
//! point of many lines.
//!
//! A block of n-point lines has n rows. A row holds the real parts and then the imaginary parts
//! of [`width`] lines: one cache line each. Every butterfly on rows is then a full-width vector
//! operation without shuffles.

/// Lines of a block: as many as fit one 64-byte register, 16 in `f32` and 8 in `f64`.
pub(crate) const fn width<T>() -> usize {
    64 / size_of::<T>()
}

/// Numbers in one row of a block.
pub(crate) const fn row<T>() -> usize {
    2 * width::<T>()
}

/// Neighbouring blocks that are moved together between a field and a cache, where the rows of
/// one block lie far apart in the field: 512 contiguous bytes for each page that is touched.
pub(crate) const TILE: usize = 4;
