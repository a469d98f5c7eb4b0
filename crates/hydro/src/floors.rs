//! Floors of density and pressure.
//!
//! A cell below the density floor is set to it, and keeps its momentum; then a cell below the
//! pressure floor gets the energy of the floor. Numbers that are not finite are never mended.

use adastra_core::Real;
use ndarray::Array3;

use crate::{EquationOfState, GasError};

/// The floors, zero where there is none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Floors<T> {
    pub(crate) density: T,
    /// Of the thermal energy density.
    pub(crate) energy: T,
}

impl<T: Real> Floors<T> {
    pub(crate) fn any(self) -> bool {
        self.density > T::zero() || self.energy > T::zero()
    }

    /// What happens to a cell: whether it is set to the floors of density and of pressure.
    fn meet(self, u: &[T]) -> [bool; 2] {
        let low = u[0] < self.density;
        let rho = if low { self.density } else { u[0] };
        let cold = u.len() > 4 && u[4] - kinetic(rho, u) < self.energy;
        // Only what is finite is mended.
        let finite = u.iter().all(|u| u.is_finite());
        [low && finite, cold && finite && rho > T::zero()]
    }
}

fn kinetic<T: Real>(rho: T, u: &[T]) -> T {
    T::of(0.5) * (u[1] * u[1] + u[2] * u[2] + u[3] * u[3]) / rho
}

/// Applies the floors to the suspect rows; how many cells met that of density, and of pressure.
pub(crate) fn mend<T: Real, E: EquationOfState<T>>(
    floors: Floors<T>,
    suspects: &[[usize; 2]],
    x: &mut E::State,
    dt: f64,
) -> Result<[u64; 2], GasError> {
    let mut counts = [0, 0];
    let mut fields = E::fields_mut(x);
    for &[i, j] in suspects {
        for k in 0..fields[0].dim().2 {
            let mut u: Vec<T> = fields.iter().map(|f| f[[i, j, k]]).collect();
            let [low, cold] = floors.meet(&u);
            if low {
                u[0] = floors.density;
                fields[0][[i, j, k]] = u[0];
                counts[0] += 1;
            }
            if cold && floors.energy > T::zero() {
                u[4] = floors.energy + kinetic(u[0], &u);
                fields[4][[i, j, k]] = u[4];
                counts[1] += 1;
            }
            let thermal = |u: &[T]| u[4] - kinetic(u[0], u);
            let bad = if !(u[0] > T::zero() && u[0].is_finite()) {
                Some(("density", u[0]))
            } else if let Some(&m) = u[1..4].iter().find(|m| !m.is_finite()) {
                Some(("momentum", m))
            } else if u.len() > 4 && !(thermal(&u) > T::zero() && u[4].is_finite()) {
                Some(("thermal energy density", thermal(&u)))
            } else {
                None
            };
            if let Some((field, value)) = bad {
                return Err(GasError::Unphysical {
                    field,
                    cell: [i, j, k],
                    value: value.f64(),
                    dt,
                });
            }
        }
    }
    Ok(counts)
}

/// Adjoint of [`mend`]: `x` is the state before it. Returns the cotangent of the parameter of the
/// equation of state, through the floor of the thermal energy `P / (c - 1)`.
pub(crate) fn mend_vjp<T: Real, E: EquationOfState<T>>(
    floors: Floors<T>,
    c: T,
    suspects: &[[usize; 2]],
    x: &E::State,
    bar: &mut E::State,
) -> T {
    let fields: Vec<&Array3<T>> = E::fields(x);
    let mut bars = E::fields_mut(bar);
    let mut c_bar = T::zero();
    for &[i, j] in suspects {
        for k in 0..fields[0].dim().2 {
            let at = [i, j, k];
            let mut u: Vec<T> = fields.iter().map(|f| f[at]).collect();
            let [low, cold] = floors.meet(&u);
            if low {
                u[0] = floors.density;
            }
            if cold && floors.energy > T::zero() {
                let e_bar = std::mem::replace(&mut bars[4][at], T::zero());
                for d in 1..4 {
                    bars[d][at] += e_bar * u[d] / u[0];
                }
                bars[0][at] -= e_bar * kinetic(u[0], &u) / u[0];
                c_bar -= e_bar * floors.energy / (c - T::one());
            }
            if low {
                bars[0][at] = T::zero();
            }
        }
    }
    c_bar
}
