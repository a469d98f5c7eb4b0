//! Gas as a state, and equations of state.

use std::fmt::Debug;

use adastra_core::{Error, Fields, Real, Result, state};
use ndarray::Array3;

use crate::GasError;
use crate::engine::{self, Engine};

state! {
    /// Conserved variables of isothermal gas, each of shape (nx, ny, nz).
    #[derive(Debug, PartialEq)]
    pub struct IsothermalState<T> {
        /// Mass density, in Msun/kpc^3.
        pub density: Array3<T>,
        /// Momentum density along x, in Msun/kpc^3 km/s.
        pub momentum_x: Array3<T>,
        /// Momentum density along y, in Msun/kpc^3 km/s.
        pub momentum_y: Array3<T>,
        /// Momentum density along z, in Msun/kpc^3 km/s.
        pub momentum_z: Array3<T>,
    }
}

state! {
    /// Conserved variables of ideal gas, each of shape (nx, ny, nz).
    #[derive(Debug, PartialEq)]
    pub struct IdealState<T> {
        /// Mass density, in Msun/kpc^3.
        pub density: Array3<T>,
        /// Momentum density along x, in Msun/kpc^3 km/s.
        pub momentum_x: Array3<T>,
        /// Momentum density along y, in Msun/kpc^3 km/s.
        pub momentum_y: Array3<T>,
        /// Momentum density along z, in Msun/kpc^3 km/s.
        pub momentum_z: Array3<T>,
        /// Energy density, kinetic and thermal, in Msun/kpc^3 (km/s)^2.
        pub energy: Array3<T>,
    }
}

state! {
    /// The parameter of [`Isothermal`] gas.
    #[derive(Debug, PartialEq)]
    pub struct IsothermalParams<T> {
        /// Speed of sound c, in km/s; positive.
        pub sound_speed: T,
    }
}

state! {
    /// The parameter of [`Ideal`] gas.
    #[derive(Debug, PartialEq)]
    pub struct IdealParams<T> {
        /// Adiabatic index gamma, above 1.
        pub adiabatic_index: T,
    }
}

mod private {
    use super::*;

    /// What the step needs to know.
    pub trait Closure<T: Real, S, P>: Sized {
        #[doc(hidden)]
        #[allow(private_interfaces)]
        fn engine() -> Box<dyn Engine<T>>;
        /// Density, momenta and, for a gas that has it, energy.
        fn fields(x: &S) -> Vec<&Array3<T>>;
        fn fields_mut(x: &mut S) -> Vec<&mut Array3<T>>;
        /// A state of these fields, in that order.
        fn state(fields: Vec<Array3<T>>) -> Option<S>;
        /// The parameter, within its range.
        fn parameter(p: &P) -> Result<T, GasError>;
        fn parameter_mut(p: &mut P) -> &mut T;
    }
}
pub(crate) use private::Closure;

/// An equation of state: [`Isothermal`] or [`Ideal`].
pub trait EquationOfState<T: Real>:
    Closure<T, Self::State, Self::Params> + Debug + Clone + Copy + Send + Sync + 'static
{
    /// Conserved variables.
    type State: Fields<T>;
    /// Differentiable parameters.
    type Params: Fields<T>;
    /// Whether the gas has an energy of its own.
    const ENERGY: bool;
}

/// Pressure `c^2 rho` with one speed of sound c.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Isothermal;

/// Pressure `(gamma - 1) rho e`, with the specific thermal energy e.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ideal;

impl<T: Real> EquationOfState<T> for Isothermal {
    type State = IsothermalState<T>;
    type Params = IsothermalParams<T>;
    const ENERGY: bool = false;
}

#[allow(private_interfaces)]
impl<T: Real> Closure<T, IsothermalState<T>, IsothermalParams<T>> for Isothermal {
    fn engine() -> Box<dyn Engine<T>> {
        engine::isothermal()
    }
    fn fields(x: &IsothermalState<T>) -> Vec<&Array3<T>> {
        vec![&x.density, &x.momentum_x, &x.momentum_y, &x.momentum_z]
    }
    fn fields_mut(x: &mut IsothermalState<T>) -> Vec<&mut Array3<T>> {
        vec![
            &mut x.density,
            &mut x.momentum_x,
            &mut x.momentum_y,
            &mut x.momentum_z,
        ]
    }
    fn state(fields: Vec<Array3<T>>) -> Option<IsothermalState<T>> {
        let [density, momentum_x, momentum_y, momentum_z] = fields.try_into().ok()?;
        Some(IsothermalState {
            density,
            momentum_x,
            momentum_y,
            momentum_z,
        })
    }
    fn parameter(p: &IsothermalParams<T>) -> Result<T, GasError> {
        let c = p.sound_speed;
        if c > T::zero() && c.is_finite() {
            return Ok(c);
        }
        Err(GasError::Range {
            name: "sound_speed",
            value: c.f64(),
            allowed: "positive and finite, in km/s",
        })
    }
    fn parameter_mut(p: &mut IsothermalParams<T>) -> &mut T {
        &mut p.sound_speed
    }
}

impl<T: Real> EquationOfState<T> for Ideal {
    type State = IdealState<T>;
    type Params = IdealParams<T>;
    const ENERGY: bool = true;
}

#[allow(private_interfaces)]
impl<T: Real> Closure<T, IdealState<T>, IdealParams<T>> for Ideal {
    fn engine() -> Box<dyn Engine<T>> {
        engine::ideal()
    }
    fn fields(x: &IdealState<T>) -> Vec<&Array3<T>> {
        vec![
            &x.density,
            &x.momentum_x,
            &x.momentum_y,
            &x.momentum_z,
            &x.energy,
        ]
    }
    fn fields_mut(x: &mut IdealState<T>) -> Vec<&mut Array3<T>> {
        vec![
            &mut x.density,
            &mut x.momentum_x,
            &mut x.momentum_y,
            &mut x.momentum_z,
            &mut x.energy,
        ]
    }
    fn state(fields: Vec<Array3<T>>) -> Option<IdealState<T>> {
        let [density, momentum_x, momentum_y, momentum_z, energy] = fields.try_into().ok()?;
        Some(IdealState {
            density,
            momentum_x,
            momentum_y,
            momentum_z,
            energy,
        })
    }
    fn parameter(p: &IdealParams<T>) -> Result<T, GasError> {
        let gamma = p.adiabatic_index;
        if gamma > T::one() && gamma.is_finite() {
            return Ok(gamma);
        }
        Err(GasError::Range {
            name: "adiabatic_index",
            value: gamma.f64(),
            allowed: "above 1 and finite",
        })
    }
    fn parameter_mut(p: &mut IdealParams<T>) -> &mut T {
        &mut p.adiabatic_index
    }
}

/// Names of the fields, in their order.
pub(crate) const NAMES: [&str; 5] = [
    "density",
    "momentum_x",
    "momentum_y",
    "momentum_z",
    "energy",
];

/// Requires the shape of the mesh.
pub(crate) fn shapes<T: Real>(fields: &[&Array3<T>], cells: [usize; 3]) -> Result<()> {
    for (field, name) in fields.iter().zip(NAMES) {
        if field.shape() != cells {
            return Err(Error::Shape {
                what: format!("gas {name}"),
                found: field.shape().to_vec(),
                expected: cells.to_vec(),
            });
        }
    }
    Ok(())
}
