//! A periodic box divided into cells.

use std::f64::consts::TAU;

use adastra_core::Real;
use ndarray::Array3;
use num_complex::Complex;

use crate::GridError;

/// Most cells along an axis: indices and their products stay far inside `usize`.
const MOST_CELLS: usize = 1 << 16;

/// A periodic box of `cells` cells and `size` kpc along x, y and z.
///
/// Fields on it are arrays of shape `(x, y, z)` in C order: z is contiguous. The spacing may
/// differ from axis to axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Mesh {
    cells: [usize; 3],
    size: [f64; 3],
}

impl Mesh {
    /// A box of `cells` cells and `size` (kpc) along each axis.
    ///
    /// # Errors
    /// [`GridError::Cells`] unless each number of cells is even and positive (the Nyquist mode
    /// then exists along every axis); [`GridError::Size`] unless each length is positive and
    /// finite.
    pub fn new(cells: [usize; 3], size: [f64; 3]) -> Result<Self, GridError> {
        for (axis, &cells) in cells.iter().enumerate() {
            if cells == 0 || cells % 2 != 0 || cells > MOST_CELLS {
                return Err(GridError::Cells {
                    axis,
                    cells,
                    largest: MOST_CELLS,
                });
            }
        }
        for (axis, &size) in size.iter().enumerate() {
            if !(size > 0.0 && size.is_finite()) {
                return Err(GridError::Size { axis, size });
            }
        }
        Ok(Self { cells, size })
    }

    /// Cells along each axis.
    pub fn cells(&self) -> [usize; 3] {
        self.cells
    }

    /// Shape of a field.
    pub fn shape(&self) -> (usize, usize, usize) {
        let [x, y, z] = self.cells;
        (x, y, z)
    }

    /// Number of cells.
    #[allow(clippy::len_without_is_empty)] // A mesh has at least eight cells.
    pub fn len(&self) -> usize {
        self.cells.iter().product()
    }

    /// Length of the box along each axis, in kpc.
    pub fn size(&self) -> [f64; 3] {
        self.size
    }

    /// Distance of neighbouring cell centres along each axis, in kpc.
    pub fn spacing(&self) -> [f64; 3] {
        std::array::from_fn(|axis| self.size[axis] / self.cells[axis] as f64)
    }

    /// Volume of a cell, in kpc^3.
    pub fn cell_volume(&self) -> f64 {
        self.spacing().iter().product()
    }

    /// Volume of the box, in kpc^3.
    pub fn volume(&self) -> f64 {
        self.size.iter().product()
    }

    /// Wavenumbers of the modes along an axis in the order of the transform, in rad/kpc:
    /// `2 pi / L * (0, 1, ..., n/2 - 1, -n/2, ..., -1)`.
    ///
    /// # Panics
    /// When `axis > 2`.
    pub fn wavenumbers(&self, axis: usize) -> Vec<f64> {
        let n = self.cells[axis];
        let fundamental = TAU / self.size[axis];
        let signed = |i: usize| {
            if i < n / 2 {
                i as f64
            } else {
                i as f64 - n as f64
            }
        };
        (0..n).map(|i| fundamental * signed(i)).collect()
    }

    /// As [`Mesh::wavenumbers`], with the Nyquist mode's set to zero: the multiplier of a
    /// spectral derivative is `i` times these. The Nyquist mode of a real field has no
    /// derivative on the mesh: its two signs cancel.
    ///
    /// # Panics
    /// When `axis > 2`.
    pub fn derivative_wavenumbers(&self, axis: usize) -> Vec<f64> {
        let mut k = self.wavenumbers(axis);
        let nyquist = k.len() / 2;
        k[nyquist] = 0.0;
        k
    }

    /// Centre of cell `(i, j, k)`, in kpc: `(i + 1/2) dx` along x, and so on.
    pub fn centre(&self, cell: [usize; 3]) -> [f64; 3] {
        let spacing = self.spacing();
        std::array::from_fn(|axis| (cell[axis] as f64 + 0.5) * spacing[axis])
    }

    /// A real field of zeros.
    pub fn zeros<T: Real>(&self) -> Array3<T> {
        Array3::zeros(self.shape())
    }

    /// A complex field of zeros.
    pub fn zeros_complex<T: Real>(&self) -> Array3<Complex<T>> {
        Array3::zeros(self.shape())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn geometry_of_a_box_with_an_aspect_ratio() {
        let mesh = Mesh::new([4, 8, 2], [2.0, 8.0, 3.0]).unwrap();
        assert_eq!(mesh.len(), 64);
        assert_eq!(mesh.shape(), (4, 8, 2));
        assert_eq!(mesh.spacing(), [0.5, 1.0, 1.5]);
        assert_eq!(mesh.cell_volume(), 0.75);
        assert_eq!(mesh.volume(), 48.0);
        assert_eq!(mesh.centre([0, 1, 1]), [0.25, 1.5, 2.25]);
        assert_eq!(mesh.wavenumbers(0), [0.0, TAU / 2.0, -TAU, -TAU / 2.0]);
        assert_eq!(
            mesh.derivative_wavenumbers(0),
            [0.0, TAU / 2.0, 0.0, -TAU / 2.0]
        );
        assert_eq!(mesh.zeros::<f32>().dim(), (4, 8, 2));
        assert_eq!(mesh.zeros_complex::<f64>().len(), 64);
    }

    #[test]
    fn bad_boxes_are_refused() {
        let cells = |cells| Mesh::new(cells, [1.0; 3]).unwrap_err();
        let largest = MOST_CELLS;
        assert_eq!(
            cells([0, 2, 2]),
            GridError::Cells {
                axis: 0,
                cells: 0,
                largest
            }
        );
        assert_eq!(
            cells([2, 3, 2]),
            GridError::Cells {
                axis: 1,
                cells: 3,
                largest
            }
        );
        let huge = usize::MAX - 1;
        assert_eq!(
            cells([2, 2, huge]),
            GridError::Cells {
                axis: 2,
                cells: huge,
                largest
            }
        );
        for size in [0.0, -1.0, f64::INFINITY, f64::NAN] {
            let error = Mesh::new([2; 3], [1.0, size, 1.0]).unwrap_err();
            assert!(matches!(error, GridError::Size { axis: 1, .. }), "{error}");
        }
    }
}
