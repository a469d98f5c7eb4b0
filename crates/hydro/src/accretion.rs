//! Accretion of gas by particles.

use std::f64::consts::{E, PI};

use adastra_core::{Adjoint, Error, Operator, Real, Result, state};
use adastra_gravity::{G, Limit};
use adastra_grid::Mesh;
use adastra_particles::{Deposit, ParticleState, Readout};
use ndarray::{Array1, Array2, Array3, Axis, Zip};

use crate::{GasError, IsothermalParams, IsothermalState};

state! {
    /// The parameter of [`Bondi`] accretion.
    #[derive(Debug, PartialEq)]
    pub struct AccretionParams<T> {
        /// The accreted part of Bondi's rate; one for all of it.
        pub efficiency: T,
    }
}

/// Accretion of isothermal gas by particles at the rate of Bondi (1952, MNRAS 112, 195):
///
/// ```text
/// dM/dt = efficiency 4 pi lambda (G M)^2 rho / c^3,   lambda = exp(3/2)/4
/// ```
///
/// `rho` is read out by cloud-in-cell, and each cell gives by its weight: the same weights both
/// ways, so that mass is conserved to rounding. All particles see the gas as it was. The gas keeps
/// its velocity; what it loses of momentum the particles gain, unless that is switched off.
#[derive(Debug, Clone)]
pub struct Bondi {
    readout: Readout,
    deposit: Deposit,
    momentum: bool,
    cells: usize,
}

/// `4 pi lambda G^2`, in kpc^2 (km/s)^4 / Msun^2.
const RATE: f64 = PI * G * G;

/// lambda of isothermal gas times four.
fn four_lambda() -> f64 {
    E * E.sqrt()
}

type Params<T> = (IsothermalParams<T>, AccretionParams<T>);
type State<T> = (IsothermalState<T>, ParticleState<T>);

/// What a step of accretion takes, of each particle and of each cell.
struct Meal<T> {
    /// The volume that each particle empties, kappa = dt K M^2, in kpc^3.
    volume: Array1<T>,
    /// Density and momentum densities at the particles.
    read: Vec<Array1<T>>,
    /// The part that each cell loses.
    part: Array3<T>,
}

fn fields<T>(gas: &IsothermalState<T>) -> [&Array3<T>; 4] {
    [
        &gas.density,
        &gas.momentum_x,
        &gas.momentum_y,
        &gas.momentum_z,
    ]
}

fn fields_mut<T>(gas: &mut IsothermalState<T>) -> [&mut Array3<T>; 4] {
    [
        &mut gas.density,
        &mut gas.momentum_x,
        &mut gas.momentum_y,
        &mut gas.momentum_z,
    ]
}

impl Bondi {
    /// Accretion on `mesh`; `momentum` says whether particles gain the momentum of what they
    /// accrete.
    pub fn new(mesh: &Mesh, momentum: bool) -> Self {
        Self {
            readout: Readout::new(mesh),
            deposit: Deposit::new(mesh),
            momentum,
            cells: mesh.len(),
        }
    }

    /// Refuses more particles than there are cells to accrete from.
    fn few<T: Real>(&self, sinks: &ParticleState<T>) -> Result<()> {
        let (value, cells) = (sinks.mass.len(), self.cells);
        if value <= cells {
            return Ok(());
        }
        Err(GasError::Sinks {
            sinks: value,
            cells,
        }
        .wrap())
    }

    /// K = efficiency 4 pi lambda G^2 / c^3.
    fn rate<T: Real>(p: &IsothermalParams<T>, a: &AccretionParams<T>) -> Result<f64> {
        let range = |name: &str, value: f64, allowed| Error::Range {
            name: name.to_owned(),
            value,
            allowed,
        };
        let (c, efficiency) = (p.sound_speed.f64(), a.efficiency.f64());
        if !(c > 0.0 && c.is_finite()) {
            return Err(range("sound_speed", c, "positive"));
        }
        if !(efficiency >= 0.0 && efficiency.is_finite()) {
            return Err(range("efficiency", efficiency, "zero or positive"));
        }
        Ok(efficiency * RATE * four_lambda() / c.powi(3))
    }

    fn meal<T: Real>(
        &self,
        rate: f64,
        gas: &IsothermalState<T>,
        sinks: &ParticleState<T>,
        dt: f64,
    ) -> Result<Meal<T>> {
        self.few(sinks)?;
        let volume = sinks.mass.mapv(|m| T::of(rate * dt) * m * m);
        let wanted = if self.momentum { 4 } else { 1 };
        let read = fields(gas).into_iter().take(wanted).map(|field| {
            self.readout
                .apply(&(), (field.clone(), sinks.position.clone()))
        });
        Ok(Meal {
            read: read.collect::<Result<_>>()?,
            part: self
                .deposit
                .apply(&(), (sinks.position.clone(), volume.clone()))?,
            volume,
        })
    }

    /// Moves gas to the particles for a time `dt`, in kpc/(km/s).
    ///
    /// # Errors
    /// [`Error::Range`] unless the speed of sound is positive and the efficiency not negative;
    /// [`GasError::Unphysical`] where more would be taken from a cell than it holds;
    /// [`GasError::Sinks`] for more particles than cells; those of [`Readout`].
    pub fn accrete<T: Real>(
        &self,
        p: &IsothermalParams<T>,
        a: &AccretionParams<T>,
        gas: &mut IsothermalState<T>,
        sinks: &mut ParticleState<T>,
        dt: f64,
    ) -> Result<()> {
        let meal = self.meal(Self::rate(p, a)?, gas, sinks, dt)?;
        if let Some((cell, part)) = meal.part.indexed_iter().find(|(_, e)| !(**e < T::one())) {
            let value = gas.density[cell].f64() * (1.0 - part.f64());
            let error = GasError::Unphysical {
                field: "density",
                cell: [cell.0, cell.1, cell.2],
                value,
                dt,
            };
            return Err(error.wrap());
        }
        for field in fields_mut(gas) {
            Zip::from(field)
                .and(&meal.part)
                .par_for_each(|f, &e| *f *= T::one() - e);
        }
        let old = sinks.mass.clone();
        sinks.mass += &(&meal.volume * &meal.read[0]);
        for (axis, read) in meal.read.iter().skip(1).enumerate() {
            let v = sinks.velocity.index_axis_mut(Axis(1), axis);
            Zip::from(v)
                .and(&old)
                .and(&sinks.mass)
                .and(&meal.volume)
                .and(read)
                .for_each(|v, &m, &new, &volume, &p| {
                    // A particle without mass accretes nothing and keeps its velocity.
                    if new > T::zero() {
                        *v = (m * *v + volume * p) / new;
                    }
                });
        }
        Ok(())
    }

    /// Adjoint of [`Bondi::accrete`]: pulls the cotangents back in place, given the state before,
    /// and adds to those of the parameters.
    ///
    /// # Errors
    /// As [`Bondi::accrete`].
    pub fn accrete_vjp<T: Real>(
        &self,
        (p, a): (&IsothermalParams<T>, &AccretionParams<T>),
        (gas, sinks): (&IsothermalState<T>, &ParticleState<T>),
        dt: f64,
        (gas_bar, sinks_bar): (&mut IsothermalState<T>, &mut ParticleState<T>),
        (p_bar, a_bar): (&mut IsothermalParams<T>, &mut AccretionParams<T>),
    ) -> Result<()> {
        let rate = Self::rate(p, a)?;
        let meal = self.meal(rate, gas, sinks, dt)?;
        // f' = f (1 - e).
        let mut part_bar = Array3::zeros(meal.part.raw_dim());
        for (field, field_bar) in fields(gas).into_iter().zip(fields_mut(gas_bar)) {
            Zip::from(field_bar)
                .and(field)
                .and(&meal.part)
                .and(&mut part_bar)
                .par_for_each(|f_bar, &f, &e, part_bar| {
                    *part_bar -= f * *f_bar;
                    *f_bar *= T::one() - e;
                });
        }
        // M' = M + kappa rho and v' = (M v + kappa p)/M'.
        let n = sinks.mass.len();
        let mut volume_bar = Array1::<T>::zeros(n);
        let mut read_bar = vec![Array1::<T>::zeros(n); meal.read.len()];
        for i in 0..n {
            let (m, volume) = (sinks.mass[i], meal.volume[i]);
            let new = m + volume * meal.read[0][i];
            let mut new_bar = sinks_bar.mass[i];
            let mut mass_bar = T::zero();
            if new > T::zero() {
                for axis in 0..meal.read.len() - 1 {
                    let (v, p) = (sinks.velocity[[i, axis]], meal.read[axis + 1][i]);
                    let v_bar = sinks_bar.velocity[[i, axis]] / new;
                    new_bar -= v_bar * (m * v + volume * p) / new;
                    mass_bar += v * v_bar;
                    volume_bar[i] += p * v_bar;
                    read_bar[axis + 1][i] = volume * v_bar;
                    sinks_bar.velocity[[i, axis]] = m * v_bar;
                }
            }
            volume_bar[i] += meal.read[0][i] * new_bar;
            read_bar[0][i] = volume * new_bar;
            sinks_bar.mass[i] = mass_bar + new_bar;
        }
        let given = fields(gas).into_iter().zip(fields_mut(gas_bar));
        for ((field, field_bar), read_bar) in given.zip(read_bar) {
            let saved = (field.clone(), sinks.position.clone());
            let (own, moved): (Array3<T>, Array2<T>) =
                self.readout.vjp(&(), saved, read_bar, &mut ())?;
            *field_bar += &own;
            sinks_bar.position += &moved;
        }
        let saved = (sinks.position.clone(), meal.volume);
        let (moved, own): (Array2<T>, Array1<T>) =
            self.deposit.vjp(&(), saved, part_bar, &mut ())?;
        sinks_bar.position += &moved;
        volume_bar += &own;
        // kappa = dt K M^2.
        let mut rate_bar = 0.0;
        for i in 0..n {
            let m = sinks.mass[i];
            sinks_bar.mass[i] += T::of(2.0 * dt * rate) * m * volume_bar[i];
            rate_bar += dt * m.f64() * m.f64() * volume_bar[i].f64();
        }
        p_bar.sound_speed -= T::of(3.0 * rate * rate_bar / p.sound_speed.f64());
        let of_one = AccretionParams {
            efficiency: T::one(),
        };
        a_bar.efficiency += T::of(Self::rate(p, &of_one)? * rate_bar);
        Ok(())
    }

    /// The step over which the cell that loses most is emptied at the present rate.
    ///
    /// # Errors
    /// As [`Bondi::accrete`].
    pub fn limit<T: Real>(
        &self,
        p: &IsothermalParams<T>,
        a: &AccretionParams<T>,
        sinks: &ParticleState<T>,
    ) -> Result<Limit> {
        let rate = Self::rate(p, a)?;
        self.few(sinks)?;
        let volume = sinks.mass.mapv(|m| T::of(rate) * m * m);
        let part: Array3<T> = self.deposit.apply(&(), (sinks.position.clone(), volume))?;
        let most = part.iter().map(|e| e.f64()).fold(0.0, f64::max);
        Ok(Limit {
            name: "accretion",
            dt: 1.0 / most,
        })
    }
}

/// [`Bondi`] accretion of given length as an operator on gas and particles.
#[derive(Debug, Clone)]
pub struct Accretion {
    bondi: Bondi,
    dt: f64,
}

impl Accretion {
    /// Accretion for a time `dt`, in kpc/(km/s).
    pub fn new(bondi: Bondi, dt: f64) -> Self {
        Self { bondi, dt }
    }
}

impl<T: Real> Operator<T> for Accretion {
    type Params = Params<T>;
    type In = State<T>;
    type Out = State<T>;

    /// # Errors
    /// As [`Bondi::accrete`].
    fn apply(&self, (p, a): &Params<T>, (mut gas, mut sinks): State<T>) -> Result<State<T>> {
        self.bondi.accrete(p, a, &mut gas, &mut sinks, self.dt)?;
        Ok((gas, sinks))
    }
}

impl<T: Real> Adjoint<T> for Accretion {
    /// The state before.
    type Saved = State<T>;

    fn record(&self, p: &Params<T>, x: State<T>) -> Result<(State<T>, State<T>)> {
        Ok((self.apply(p, x.clone())?, x))
    }

    fn vjp(
        &self,
        (p, a): &Params<T>,
        (gas, sinks): State<T>,
        (mut gas_bar, mut sinks_bar): State<T>,
        (p_bar, a_bar): &mut Params<T>,
    ) -> Result<State<T>> {
        let bars = (&mut gas_bar, &mut sinks_bar);
        self.bondi
            .accrete_vjp((p, a), (&gas, &sinks), self.dt, bars, (p_bar, a_bar))?;
        Ok((gas_bar, sinks_bar))
    }
}
