//! What can be wrong with a mesh.

/// A mesh cannot be built.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GridError {
    /// The number of cells along an axis is zero, odd, or too large.
    #[error("cells[{axis}] = {cells}: must be even, positive and at most {largest}")]
    Cells {
        /// Which axis: 0, 1, 2 for x, y, z.
        axis: usize,
        /// The number that was given.
        cells: usize,
        /// The largest number allowed.
        largest: usize,
    },
    /// The length of the box along an axis is not a positive finite number.
    #[error("size[{axis}] = {size}: must be positive and finite, in kpc")]
    Size {
        /// Which axis: 0, 1, 2 for x, y, z.
        axis: usize,
        /// The length that was given.
        size: f64,
    },
}
