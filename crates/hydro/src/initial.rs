//! Initial conditions of gas: density, velocity and pressure on the mesh.
//!
//! All are periodic, or have their jumps where the box can hold them. Numbers are made in f64; in
//! f32 they are the rounded ones.

mod turbulence;

use std::f64::consts::TAU;

use adastra_core::Real;
use adastra_grid::Mesh;
use ndarray::Array3;

use crate::GasError;

pub use turbulence::{Turbulence, turbulent_velocity};
pub(crate) use turbulence::{normal, stream};

/// Primitive variables of one place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Density, in Msun/kpc^3; positive.
    pub density: f64,
    /// Velocity along x, y and z, in km/s.
    pub velocity: [f64; 3],
    /// Pressure, in Msun/kpc^3 (km/s)^2; positive. Isothermal gas ignores it.
    pub pressure: f64,
}

impl Point {
    /// Gas at rest.
    pub fn at_rest(density: f64, pressure: f64) -> Self {
        Self {
            density,
            velocity: [0.0; 3],
            pressure,
        }
    }

    /// # Errors
    /// [`GasError::Range`] unless density and pressure are positive and all is finite.
    fn checked(self) -> Result<Self, GasError> {
        positive(
            "density",
            self.density,
            "positive and finite, in Msun/kpc^3",
        )?;
        let allowed = "positive and finite, in Msun/kpc^3 (km/s)^2";
        positive("pressure", self.pressure, allowed)?;
        for v in self.velocity {
            range("velocity", v, v.is_finite(), "finite, in km/s")?;
        }
        Ok(self)
    }
}

/// Density, velocities along x, y and z, and pressure of gas, each of shape (nx, ny, nz): what
/// [`FromPrimitive`](crate::FromPrimitive) takes, for ideal gas.
pub type Primitives<T> = [Array3<T>; 5];

/// Evaluates a state at every cell centre.
pub fn at_centres<T: Real>(mesh: &Mesh, f: impl Fn([f64; 3]) -> Point) -> Primitives<T> {
    let mut fields = std::array::from_fn(|_| mesh.zeros());
    for i in 0..mesh.cells()[0] {
        for j in 0..mesh.cells()[1] {
            for k in 0..mesh.cells()[2] {
                let at = f(mesh.centre([i, j, k]));
                let [x, y, z] = at.velocity;
                let values = [at.density, x, y, z, at.pressure];
                for (field, value) in fields.iter_mut().zip(values) {
                    field[[i, j, k]] = T::of(value);
                }
            }
        }
    }
    fields
}

/// The same everywhere.
///
/// # Errors
/// [`GasError::Range`].
pub fn uniform<T: Real>(mesh: &Mesh, state: Point) -> Result<Primitives<T>, GasError> {
    let state = state.checked()?;
    Ok(at_centres(mesh, |_| state))
}

/// A plane sound wave of a small amplitude `a` in gas of the given state and speed of sound `c`,
/// `waves` wavelengths along each axis of the box:
///
/// ```text
/// rho = rho_0 (1 + a sin phi),   v = v_0 + a c sin phi n,   P = P_0 (1 + (c^2 rho_0/P_0) a sin phi)
/// ```
///
/// with the direction n of the wave vector. To first order in `a` it travels unchanged at `c`.
///
/// # Errors
/// [`GasError::Range`] unless the amplitude is finite and below 1, and some number of waves is not
/// zero.
pub fn sound_wave<T: Real>(
    mesh: &Mesh,
    state: Point,
    sound_speed: f64,
    amplitude: f64,
    waves: [i32; 3],
) -> Result<Primitives<T>, GasError> {
    let state = state.checked()?;
    positive("sound_speed", sound_speed, "positive and finite, in km/s")?;
    let good = amplitude.abs() < 1.0;
    range("amplitude", amplitude, good, "between -1 and 1")?;
    let size = mesh.size();
    let k: [f64; 3] = std::array::from_fn(|d| TAU * f64::from(waves[d]) / size[d]);
    let length = k.iter().map(|k| k * k).sum::<f64>().sqrt();
    range("waves", length, length > 0.0, "not all zero")?;
    let stiffness = sound_speed * sound_speed * state.density;
    Ok(at_centres(mesh, |x| {
        let wave = amplitude * (k[0] * x[0] + k[1] * x[1] + k[2] * x[2]).sin();
        Point {
            density: state.density * (1.0 + wave),
            velocity: std::array::from_fn(|d| {
                state.velocity[d] + wave * sound_speed * k[d] / length
            }),
            pressure: state.pressure + stiffness * wave,
        }
    }))
}

/// A shock tube along x (Sod 1978): one state in the middle half of the box, another in the outer
/// quarters, so that the periodic box holds two tubes, mirrored.
///
/// # Errors
/// [`GasError::Range`].
pub fn shock_tube<T: Real>(
    mesh: &Mesh,
    inner: Point,
    outer: Point,
) -> Result<Primitives<T>, GasError> {
    let (inner, outer) = (inner.checked()?, outer.checked()?);
    let length = mesh.size()[0];
    Ok(at_centres(mesh, |[x, _, _]| {
        if (x / length - 0.5).abs() < 0.25 {
            inner
        } else {
            outer
        }
    }))
}

/// Two shear layers of smooth profile (McNally, Lyra & Passy 2012): `inner` in the middle half of
/// the box along y and `outer` in the rest, joined over `width`, with a transverse velocity
/// `amplitude sin(2 pi waves x / L)` everywhere. Both states should have the same pressure.
///
/// # Errors
/// [`GasError::Range`].
pub fn kelvin_helmholtz<T: Real>(
    mesh: &Mesh,
    inner: Point,
    outer: Point,
    width: f64,
    amplitude: f64,
    waves: u32,
) -> Result<Primitives<T>, GasError> {
    let (inner, outer) = (inner.checked()?, outer.checked()?);
    positive("width", width, "positive and finite, in kpc")?;
    range(
        "amplitude",
        amplitude,
        amplitude.is_finite(),
        "finite, in km/s",
    )?;
    let [length, height, _] = mesh.size();
    Ok(at_centres(mesh, |[x, y, _]| {
        // From 0 outside to 1 inside.
        let distance = 0.25 * height - (y - 0.5 * height).abs();
        let weight = 0.5 * (1.0 + (distance / width).tanh());
        let mix = |a: f64, b: f64| b + weight * (a - b);
        let mut velocity: [f64; 3] =
            std::array::from_fn(|d| mix(inner.velocity[d], outer.velocity[d]));
        velocity[1] += amplitude * (TAU * f64::from(waves) * x / length).sin();
        Point {
            density: mix(inner.density, outer.density),
            velocity,
            pressure: mix(inner.pressure, outer.pressure),
        }
    }))
}

/// A point explosion (Sedov 1959): uniform gas, with a thermal energy spread over a Gaussian of
/// standard deviation `radius` in the middle of the box.
///
/// # Errors
/// [`GasError::Range`].
pub fn blast<T: Real>(
    mesh: &Mesh,
    state: Point,
    adiabatic_index: f64,
    energy: f64,
    radius: f64,
) -> Result<Primitives<T>, GasError> {
    let state = state.checked()?;
    positive("energy", energy, "positive and finite, in Msun (km/s)^2")?;
    positive("radius", radius, "positive and finite, in kpc")?;
    let centre = mesh.size().map(|l| 0.5 * l);
    let profile = |x: [f64; 3]| {
        let r2: f64 = (0..3).map(|d| (x[d] - centre[d]).powi(2)).sum();
        (-0.5 * r2 / (radius * radius)).exp()
    };
    // Normalized on the mesh: the energy is exact at any resolution.
    let mut sum = 0.0;
    for i in 0..mesh.cells()[0] {
        for j in 0..mesh.cells()[1] {
            for k in 0..mesh.cells()[2] {
                sum += profile(mesh.centre([i, j, k]));
            }
        }
    }
    range("radius", radius, sum > 0.0, "at least about a cell, in kpc")?;
    let factor = (adiabatic_index - 1.0) * energy / (sum * mesh.cell_volume());
    Ok(at_centres(mesh, |x| Point {
        pressure: state.pressure + factor * profile(x),
        ..state
    }))
}

/// A cold sphere with density `M / (2 pi R^2 r)` in the middle of the box (Evrard 1988), in a thin
/// background of the same thermal energy per mass.
///
/// # Errors
/// [`GasError::Range`].
pub fn evrard_sphere<T: Real>(
    mesh: &Mesh,
    adiabatic_index: f64,
    mass: f64,
    radius: f64,
    specific_energy: f64,
    background: f64,
) -> Result<Primitives<T>, GasError> {
    positive("mass", mass, "positive and finite, in Msun")?;
    let half = 0.5 * mesh.size().into_iter().fold(f64::INFINITY, f64::min);
    let good = radius > 0.0 && radius <= half;
    range(
        "radius",
        radius,
        good,
        "positive and at most half the shortest side, in kpc",
    )?;
    positive(
        "specific_energy",
        specific_energy,
        "positive and finite, in (km/s)^2",
    )?;
    positive(
        "background",
        background,
        "positive and finite, in Msun/kpc^3",
    )?;
    let centre = mesh.size().map(|l| 0.5 * l);
    let smallest = mesh.spacing().into_iter().fold(f64::INFINITY, f64::min);
    Ok(at_centres(mesh, |x| {
        let r2: f64 = (0..3).map(|d| (x[d] - centre[d]).powi(2)).sum();
        let r = r2.sqrt().max(0.5 * smallest);
        let inside = if r < radius {
            mass / (TAU * radius * radius * r)
        } else {
            0.0
        };
        let density = background + inside;
        Point::at_rest(density, (adiabatic_index - 1.0) * density * specific_energy)
    }))
}

pub(crate) fn positive(
    name: &'static str,
    value: f64,
    allowed: &'static str,
) -> Result<(), GasError> {
    range(name, value, value > 0.0 && value.is_finite(), allowed)
}

pub(crate) fn range(
    name: &'static str,
    value: f64,
    good: bool,
    allowed: &'static str,
) -> Result<(), GasError> {
    let error = GasError::Range {
        name,
        value,
        allowed,
    };
    if good { Ok(()) } else { Err(error) }
}
