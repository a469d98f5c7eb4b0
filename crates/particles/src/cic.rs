//! Cloud-in-cell weights (Hockney & Eastwood 1988, "Computer Simulation Using Particles", 5-3-1).
//!
//! A particle is a cloud of the size of a cell. Cell centres lie at `(i + 1/2) dx`; with
//! `s = x/dx - 1/2` and `i = floor(s)` the cloud gives the share `s - i` to cell `i + 1` and the
//! rest to cell `i`, along each axis, and the weight of a cell is the product of its three
//! shares.
//!
//! The shares are continuous and piecewise linear in x; their derivative jumps where x crosses a
//! cell centre (`s` an integer). There the derivative is the one of the interval that `floor`
//! selects: the one to the right.

use adastra_core::Real;
use adastra_grid::Mesh;

/// The geometry of a mesh, ready for particles.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cic<T> {
    cells: [usize; 3],
    size: [T; 3],
    /// 1 / spacing, per axis.
    per_spacing: [T; 3],
    /// 1 / cell volume.
    pub(crate) per_volume: T,
}

/// Where a particle lies: eight cells and their shares.
///
/// Corners are numbered `4 a + 2 b + c` with `a`, `b`, `c` zero for the lower and one for the
/// upper cell along x, y, z.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cloud<T> {
    /// Lower and upper cell along x.
    pub(crate) plane: [usize; 2],
    /// Cell within the plane, for the four `2 b + c`.
    pub(crate) within: [usize; 4],
    /// Shares of the lower and the upper cell, per axis.
    share: [[T; 2]; 3],
    /// 1 / spacing, per axis: the derivative of the upper share.
    per_spacing: [T; 3],
}

/// `x` moved by whole box lengths into [0, `size`).
#[inline(always)]
pub(crate) fn wrap<T: Real>(x: T, size: T) -> T {
    if x >= T::zero() && x < size {
        return x;
    }
    let rest = x % size;
    let rest = if rest < T::zero() { rest + size } else { rest };
    // A negative rest below the rounding of `size` has just become `size`. NaN stays NaN.
    if rest >= size { T::zero() } else { rest }
}

impl<T: Real> Cic<T> {
    pub(crate) fn new(mesh: &Mesh) -> Self {
        Self {
            cells: mesh.cells(),
            size: mesh.size().map(T::of),
            per_spacing: mesh.spacing().map(|dx| T::of(1.0 / dx)),
            per_volume: T::of(1.0 / mesh.cell_volume()),
        }
    }

    pub(crate) fn cells(&self) -> [usize; 3] {
        self.cells
    }

    /// Cells of a plane of equal x.
    pub(crate) fn plane_len(&self) -> usize {
        self.cells[1] * self.cells[2]
    }

    /// `x` wrapped into the box along `axis`.
    #[inline(always)]
    pub(crate) fn wrap(&self, x: T, axis: usize) -> T {
        wrap(x, self.size[axis])
    }

    /// Lower cell, upper cell and the share of the upper one, for any `x`.
    #[inline(always)]
    fn along(&self, x: T, axis: usize) -> (usize, usize, T) {
        let n = self.cells[axis];
        // s + 1, which is positive: truncation is the floor. It reaches n at most; a conversion
        // of NaN gives 0, so that the indices lie inside whatever x is.
        let s = self.wrap(x, axis) * self.per_spacing[axis] + T::of(0.5);
        let i = s.f64() as i32;
        let share = s - T::of(f64::from(i));
        let upper = (i as usize).min(n);
        let lower = if upper == 0 { n - 1 } else { upper - 1 };
        (lower, if upper == n { 0 } else { upper }, share)
    }

    /// The lower cell along x alone.
    #[inline(always)]
    pub(crate) fn slab(&self, x: T) -> usize {
        self.along(x, 0).0
    }

    /// The eight cells of a particle at `x`.
    #[inline(always)]
    pub(crate) fn cloud(&self, x: &[T]) -> Cloud<T> {
        let (x0, x1, sx) = self.along(x[0], 0);
        let (y0, y1, sy) = self.along(x[1], 1);
        let (z0, z1, sz) = self.along(x[2], 2);
        let (r0, r1) = (y0 * self.cells[2], y1 * self.cells[2]);
        let shares = |s: T| [T::one() - s, s];
        Cloud {
            plane: [x0, x1],
            within: [r0 + z0, r0 + z1, r1 + z0, r1 + z1],
            share: [shares(sx), shares(sy), shares(sz)],
            per_spacing: self.per_spacing,
        }
    }

    /// The field at the eight corners.
    #[inline(always)]
    pub(crate) fn corners(&self, cloud: &Cloud<T>, field: &[T]) -> [T; 8] {
        let n = self.plane_len();
        let lower = &field[cloud.plane[0] * n..][..n];
        let upper = &field[cloud.plane[1] * n..][..n];
        let [a, b, c, d] = cloud.within;
        [
            lower[a], lower[b], lower[c], lower[d], upper[a], upper[b], upper[c], upper[d],
        ]
    }
}

/// Tensor product of three pairs, in the order of the corners, times a number.
#[inline(always)]
fn product<T: Real>(factor: T, x: [T; 2], y: [T; 2], z: [T; 2]) -> [T; 8] {
    let yz = [y[0] * z[0], y[0] * z[1], y[1] * z[0], y[1] * z[1]];
    let x = [factor * x[0], factor * x[1]];
    let mut corners = [T::zero(); 8];
    for corner in 0..8 {
        corners[corner] = x[corner / 4] * yz[corner % 4];
    }
    corners
}

#[inline(always)]
fn sum<T: Real>(weights: [T; 8], f: [T; 8]) -> T {
    let mut sum = T::zero();
    for corner in 0..8 {
        sum += weights[corner] * f[corner];
    }
    sum
}

impl<T: Real> Cloud<T> {
    /// The weights of the corners, times a number.
    #[inline(always)]
    pub(crate) fn weights(&self, factor: T) -> [T; 8] {
        let [x, y, z] = self.share;
        product(factor, x, y, z)
    }

    /// `factor` times the derivative of the weights as the position moves by `dx`.
    #[inline(always)]
    pub(crate) fn weights_along(&self, factor: T, dx: [T; 3]) -> [T; 8] {
        let [x, y, z] = self.share;
        let slope = |axis: usize| {
            let d = self.per_spacing[axis] * dx[axis];
            [-d, d]
        };
        let parts = [
            product(factor, slope(0), y, z),
            product(factor, x, slope(1), z),
            product(factor, x, y, slope(2)),
        ];
        std::array::from_fn(|corner| parts[0][corner] + parts[1][corner] + parts[2][corner])
    }

    /// The interpolated field, from its values at the corners.
    #[inline(always)]
    pub(crate) fn value(&self, f: [T; 8]) -> T {
        sum(self.weights(T::one()), f)
    }

    /// As [`Cloud::value`], of three fields.
    #[inline(always)]
    pub(crate) fn values(&self, f: &[[T; 8]; 3]) -> [T; 3] {
        let weights = self.weights(T::one());
        [sum(weights, f[0]), sum(weights, f[1]), sum(weights, f[2])]
    }

    /// The derivative of [`Cloud::value`] with respect to the position.
    #[inline(always)]
    pub(crate) fn gradient(&self, f: [T; 8]) -> [T; 3] {
        let [x, y, z] = self.share;
        let mix = |f: [T; 4], a: [T; 2], b: [T; 2]| {
            a[0] * (b[0] * f[0] + b[1] * f[1]) + a[1] * (b[0] * f[2] + b[1] * f[3])
        };
        let dx = [f[4] - f[0], f[5] - f[1], f[6] - f[2], f[7] - f[3]];
        let dy = [f[2] - f[0], f[3] - f[1], f[6] - f[4], f[7] - f[5]];
        let dz = [f[1] - f[0], f[3] - f[2], f[5] - f[4], f[7] - f[6]];
        let [px, py, pz] = self.per_spacing;
        [px * mix(dx, y, z), py * mix(dy, x, z), pz * mix(dz, x, y)]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check_in_box<T: Real>(x: T, size: T) {
        let wrapped = wrap(x, size);
        assert!(
            wrapped >= T::zero() && wrapped < size,
            "{x} in {size} gives {wrapped}"
        );
    }

    #[test]
    fn wrapping_never_reaches_the_far_edge() {
        assert_eq!(wrap(-1e-9f32, 10.0), 0.0);
        assert_eq!(wrap(10.0f32, 10.0), 0.0);
        assert_eq!(wrap(-0.25, 10.0), 9.75);
        assert_eq!(wrap(123.5, 10.0), 3.5);
        assert!(wrap(f64::NAN, 10.0).is_nan());
        assert!(wrap(f64::INFINITY, 10.0).is_nan());
        for x in [
            0.0,
            -0.0,
            f32::MIN_POSITIVE,
            -f32::MIN_POSITIVE,
            f32::MAX,
            f32::MIN,
        ] {
            check_in_box(x, 0.3);
            check_in_box(f64::from(x), 0.3);
        }
    }

    #[test]
    fn a_particle_at_a_cell_centre_belongs_to_that_cell() {
        let mesh = Mesh::new([4, 2, 6], [8.0, 1.0, 3.0]).unwrap();
        let cic = Cic::<f64>::new(&mesh);
        let cloud = cic.cloud(&mesh.centre([3, 1, 2]));
        assert_eq!((cloud.plane, cloud.within[0]), ([3, 0], 6 + 2));
        assert_eq!(cloud.weights(2.0), [2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    }

    proptest! {
        #[test]
        fn every_position_gets_cells_inside(
            x in any::<f64>(), scale in 1e-3..1e3, half in prop::array::uniform3(1..40usize),
        ) {
            let cells = half.map(|n| 2 * n);
            let size = [scale, 1.7 * scale, 0.3 * scale];
            let mesh = Mesh::new(cells, size).unwrap();
            let (double, single) = (Cic::<f64>::new(&mesh), Cic::<f32>::new(&mesh));
            for axis in 0..3 {
                let edge = size[axis];
                for x in [x, edge, edge.next_down(), edge.next_up(), -edge, x * edge, f64::NAN] {
                    let (a, b, share) = double.along(x, axis);
                    prop_assert!(a < cells[axis] && b == (a + 1) % cells[axis]);
                    prop_assert!(!x.is_finite() || (0.0..=1.0).contains(&share));
                    let x = x as f32;
                    let (a, b, share) = single.along(x, axis);
                    prop_assert!(a < cells[axis] && b == (a + 1) % cells[axis]);
                    prop_assert!(!x.is_finite() || (0.0..=1.0).contains(&share));
                }
            }
        }

        #[test]
        fn weights_sum_to_one_and_reproduce_a_linear_field(
            x in prop::array::uniform3(0.2..0.8f64), g in prop::array::uniform3(-2.0..2.0f64),
        ) {
            let mesh = Mesh::new([8, 12, 10], [1.0, 1.0, 1.0]).unwrap();
            let cic = Cic::<f64>::new(&mesh);
            let linear = |c: [f64; 3]| 0.5 + c[0] * g[0] + c[1] * g[1] + c[2] * g[2];
            let cloud = cic.cloud(&x);
            prop_assert!((cloud.weights(1.0).iter().sum::<f64>() - 1.0).abs() < 1e-14);
            let f = std::array::from_fn(|corner| {
                let plane = cloud.plane[corner / 4];
                let within = cloud.within[corner % 4];
                linear(mesh.centre([plane, within / 10, within % 10]))
            });
            prop_assert!((cloud.value(f) - linear(x)).abs() < 1e-13);
            for (found, expected) in cloud.gradient(f).into_iter().zip(g) {
                prop_assert!((found - expected).abs() < 1e-12);
            }
        }
    }
}
