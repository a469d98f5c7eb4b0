//! Initial wave functions: uniform, solitons, wave packets, random phases, cosmological.
//!
//! All are computed in f64 and rounded once, so a run in f32 starts where one in f64 does, and
//! none depends on the number of threads.

mod cosmological;
mod ground_state;
mod packet;
mod random;
mod soliton;

pub use cosmological::{Perturbations, cosmological};
pub use packet::{GaussianPacket, wave_packet};
pub use random::{RandomPhases, random_phases};
pub use soliton::{Soliton, ground_states, solitons};

use adastra_core::Real;
use adastra_grid::Mesh;
use ndarray::Array3;
use num_complex::Complex;

use crate::error::{finite, positive};
use crate::units::M_PER_HBAR_22;
use crate::{FdmError, WaveState};

/// A uniform wave at rest of the given `density` (Msun/kpc^3).
///
/// # Errors
/// [`FdmError::Range`] unless the density is positive and finite.
pub fn uniform<T: Real>(mesh: &Mesh, density: f64) -> Result<WaveState<T>, FdmError> {
    let amplitude = positive("density", density)?.sqrt();
    let z = Complex::new(T::of(amplitude), T::zero());
    Ok(WaveState {
        psi: Array3::from_elem(mesh.shape(), z),
    })
}

/// The nearest velocity (km/s) with which a wave of boson mass `mass` (1e-22 eV) can stream
/// through the periodic box: its phase (m/hbar) v.x must close, so each component is a multiple of
/// 2 pi hbar/(m L), 120 km/s for 1e-22 eV and 1 kpc.
///
/// # Errors
/// [`FdmError::Range`] unless the mass is positive and the velocity finite.
pub fn periodic_velocity(mesh: &Mesh, mass: f64, velocity: [f64; 3]) -> Result<[f64; 3], FdmError> {
    let m_per_hbar = positive("mass", mass)? * M_PER_HBAR_22;
    velocity
        .into_iter()
        .try_for_each(|v| finite("velocity", v).map(drop))?;
    let size = mesh.size();
    Ok(std::array::from_fn(|axis| {
        let quantum = std::f64::consts::TAU / (m_per_hbar * size[axis]);
        quantum * (velocity[axis] / quantum).round()
    }))
}

/// Sets the whole wave in motion: psi exp(i (m/hbar) v.x), with the `velocity` (km/s) rounded by
/// [`periodic_velocity`], which is returned.
///
/// # Errors
/// [`FdmError::Range`] unless the `mass` (1e-22 eV) is positive and the velocity finite.
pub fn boost<T: Real>(
    mesh: &Mesh,
    mass: f64,
    velocity: [f64; 3],
    x: &mut WaveState<T>,
) -> Result<[f64; 3], FdmError> {
    let velocity = periodic_velocity(mesh, mass, velocity)?;
    if x.psi.dim() != mesh.shape() {
        let (found, expected) = (x.psi.shape().to_vec(), mesh.cells().to_vec());
        return Err(FdmError::Shape {
            name: "psi",
            found,
            expected,
        });
    }
    let k = velocity.map(|v| mass * M_PER_HBAR_22 * v);
    ndarray::par_azip!((index (i, j, l), z in &mut x.psi) {
        let at = mesh.centre([i, j, l]);
        let turn = Complex::from_polar(1.0, k[0] * at[0] + k[1] * at[1] + k[2] * at[2]);
        let wide = Complex::new(z.re.f64(), z.im.f64()) * turn;
        *z = Complex::new(T::of(wide.re), T::of(wide.im));
    });
    Ok(velocity)
}

/// A wave function of its value at each cell centre.
fn at_centres<T: Real>(mesh: &Mesh, psi: impl Fn([f64; 3]) -> Complex<f64> + Sync) -> WaveState<T> {
    let mut array = mesh.zeros_complex();
    ndarray::par_azip!((index (i, j, k), z in &mut array) {
        let value = psi(mesh.centre([i, j, k]));
        *z = Complex::new(T::of(value.re), T::of(value.im));
    });
    WaveState { psi: array }
}

/// From `centre` to `x`, to the nearest periodic image.
fn displacement(size: [f64; 3], centre: [f64; 3], x: [f64; 3]) -> [f64; 3] {
    std::array::from_fn(|axis| {
        let d = x[axis] - centre[axis];
        d - size[axis] * (d / size[axis]).round()
    })
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}
