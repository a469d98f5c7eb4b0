//! Blocks: neighbouring lines of a field, transposed so that one vector register holds the same
//! point of many lines.
//!
//! A block of n-point lines has n rows. A row holds the real parts and then the imaginary parts
//! of [`width`] lines: two cache lines. Every butterfly on rows is then a full-width vector
//! operation without shuffles.

/// Lines of a block: as many as fit one 64-byte register, 16 in `f32` and 8 in `f64`.
pub(crate) const fn width<T>() -> usize {
    64 / size_of::<T>()
}

/// Numbers in one row of a block.
pub(crate) const fn row<T>() -> usize {
    2 * width::<T>()
}

/// A block: row `i` begins at `data[first + i stride]`. Both are multiples of [`width`].
pub(crate) struct Rows<'a, T> {
    pub(crate) data: &'a mut [T],
    pub(crate) stride: usize,
    pub(crate) first: usize,
}

impl<'a, T> Rows<'a, T> {
    /// A block whose rows follow one another.
    pub(crate) fn dense(data: &'a mut [T]) -> Self {
        Self {
            data,
            stride: row::<T>(),
            first: 0,
        }
    }
}
