//! What can be wrong with gas.

/// Gas cannot be set up or moved.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GasError {
    /// A number of a cell lies outside its range, or is NaN.
    #[error("{field} of cell {cell:?} is {value:e}: must be {allowed}")]
    Cell {
        /// `"density"`, `"momentum"`, `"velocity"`, `"pressure"` or `"energy"`.
        field: &'static str,
        /// The cell's indices along x, y and z.
        cell: [usize; 3],
        /// The value.
        value: f64,
        /// The allowed range, in words.
        allowed: &'static str,
    },
    /// A step led to a state that no gas has.
    #[error(
        "a step of {dt:e} kpc/(km/s) makes the {field} of cell {cell:?} {value:e}: must be \
         positive and finite; allowed: a shorter step, a more diffusive flux or limiter, or a floor"
    )]
    Unphysical {
        /// `"density"`, `"momentum"` or `"pressure"`.
        field: &'static str,
        /// The cell's indices along x, y and z.
        cell: [usize; 3],
        /// The value.
        value: f64,
        /// Length of the step, in kpc/(km/s).
        dt: f64,
    },
    /// An option or a parameter lies outside its range.
    #[error("{name} = {value}: must be {allowed}")]
    Range {
        /// Its name.
        name: &'static str,
        /// Its value.
        value: f64,
        /// The allowed range, in words.
        allowed: &'static str,
    },
    /// More particles accrete than the mesh has cells.
    #[error("{sinks} sinks accrete from {cells} cells; allowed: at most one a cell")]
    Sinks {
        /// Particles that accrete.
        sinks: usize,
        /// Cells of the mesh.
        cells: usize,
    },
    /// Gas was to be kicked by a gravity that holds no acceleration.
    #[error("gravity on {cells:?} cells comes without an acceleration: gas needs one")]
    MissingAcceleration {
        /// Cells of the mesh along x, y and z.
        cells: [usize; 3],
    },
}

impl GasError {
    pub(crate) fn wrap(self) -> adastra_core::Error {
        adastra_core::Error::operator("gas", self)
    }
}
