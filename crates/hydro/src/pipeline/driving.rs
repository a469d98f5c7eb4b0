//! Driven turbulence in configuration files.

use std::marker::PhantomData;

use adastra_core::Real;
use adastra_gravity::{Limit, Matter, MatterAdjoint, Process};
use adastra_grid::Gravity;
use adastra_pipeline::{
    AnyFields, AnyProcess, Arrays, Doc, Error, InitialPlugin, MatterPlugin, Nothing, ProcessPlugin,
    Result, Site, Time, World, doc,
};
use ndarray::{Array3, ArrayD, arr0};
use serde::Deserialize;

use crate::{
    ClockState, Driving, DrivingParams, EquationOfState, Ideal, IdealState, Isothermal, Spectrum,
};

/// `clock`
#[derive(Debug)]
pub struct ClockMatter;

/// A clock as matter without mass: its drift is the time that passes.
#[derive(Debug)]
pub struct Clock;

impl<T: Real> Matter<T> for Clock {
    type Params = ();
    type State = ClockState<T>;

    fn needs_acceleration(&self) -> bool {
        false
    }
    fn deposit(&self, (): &(), _: &ClockState<T>, _: &mut Array3<T>) -> adastra_core::Result<()> {
        Ok(())
    }
    fn kick(
        &self,
        (): &(),
        _: &mut ClockState<T>,
        _: &Gravity<T>,
        _: f64,
    ) -> adastra_core::Result<()> {
        Ok(())
    }
    fn drift(&self, (): &(), x: &mut ClockState<T>, dt: f64) -> adastra_core::Result<()> {
        x.time += T::of(dt);
        Ok(())
    }
    fn limits(
        &self,
        (): &(),
        _: &ClockState<T>,
        _: &Gravity<T>,
    ) -> adastra_core::Result<Vec<Limit>> {
        Ok(Vec::new())
    }
}

/// Time passes whatever it is: every derivative is that of the identity.
impl<T: Real> MatterAdjoint<T> for Clock {
    fn deposit_vjp(
        &self,
        (): &(),
        _: &ClockState<T>,
        _: &Array3<T>,
        _: &mut ClockState<T>,
        (): &mut (),
    ) -> adastra_core::Result<()> {
        Ok(())
    }
    fn kick_vjp(
        &self,
        (): &(),
        _: &ClockState<T>,
        _: &Gravity<T>,
        _: f64,
        _: &mut ClockState<T>,
        _: &mut Gravity<T>,
        (): &mut (),
    ) -> adastra_core::Result<()> {
        Ok(())
    }
    fn drift_vjp(
        &self,
        (): &(),
        _: &ClockState<T>,
        _: f64,
        _: &mut ClockState<T>,
        (): &mut (),
    ) -> adastra_core::Result<()> {
        Ok(())
    }
}

impl MatterPlugin for ClockMatter {
    const NAME: &'static str = "clock";
    const ABOUT: &'static str = "the time as a state, for processes that depend on it; no mass";
    const STATE: &'static [Doc] = &[doc("time", "kpc/(km/s)", "time since the start")];
    type Options = Nothing;
    type Parameters = Nothing;
    type Matter<T: Real> = Clock;

    fn matter<T: Real>(_: Nothing, _: &Site) -> Result<Clock> {
        Ok(Clock)
    }
    fn parameters<T: Real>(_: &Clock, _: Nothing) -> Result<()> {
        Ok(())
    }
    fn state<T: Real>(arrays: &mut Arrays<T>, _: &Site) -> Result<ClockState<T>> {
        // Files keep a number as a list of one.
        let time: ArrayD<T> = arrays.take_real("time")?;
        match time.as_slice() {
            Some(&[time]) => Ok(ClockState { time }),
            _ => Err(Error::range(
                "shape of time",
                format!("{:?}", time.shape()),
                "one number",
            )),
        }
    }
}

/// `clock.start`
#[derive(Debug)]
pub struct ClockStart;

impl InitialPlugin for ClockStart {
    const NAME: &'static str = "clock.start";
    const ABOUT: &'static str = "a clock at time zero";
    type Options = Nothing;

    fn arrays<T: Real>(_: Nothing, _: &Site, _: &dyn AnyFields<T>) -> Result<Arrays<T>> {
        Ok(Arrays::new().real("time", arr0(T::zero())))
    }
}

/// `gas.driving`
#[derive(Debug)]
pub struct DrivingProcess;

/// Options of [`DrivingProcess`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrivingTable {
    gas: String,
    clock: String,
    correlation_time: Time,
    #[serde(default = "one")]
    solenoidal: f64,
    #[serde(default = "large_scales")]
    waves: [f64; 2],
}

fn one() -> f64 {
    1.0
}

fn large_scales() -> [f64; 2] {
    [1.0, 3.0]
}

/// Parameters of [`DrivingProcess`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrivingParameters {
    acceleration: f64,
}

impl ProcessPlugin for DrivingProcess {
    const NAME: &'static str = "gas.driving";
    const ABOUT: &'static str = "driven turbulence: an Ornstein-Uhlenbeck acceleration of long \
                                 waves (Federrath et al. 2010); seeded by the configuration's seed";
    const OPTIONS: &'static [Doc] = &[
        doc("gas", "", "name of the gas"),
        doc("clock", "", "name of the clock"),
        doc(
            "correlation_time",
            "kpc/(km/s)",
            "correlation time of the acceleration",
        ),
        doc(
            "solenoidal",
            "",
            "weight of the solenoidal part, from 0 to 1; default 1",
        ),
        doc(
            "waves",
            "",
            "wavenumbers in 2 pi over the longest side, [least, most]; default [1, 3]",
        ),
    ];
    const PARAMETERS: &'static [Doc] = &[doc(
        "acceleration",
        "(km/s)^2/kpc",
        "root mean square of the acceleration",
    )];
    type Options = DrivingTable;
    type Parameters = DrivingParameters;
    type Values<T: Real> = DrivingParams<T>;

    fn parameters<T: Real>(values: DrivingParameters) -> Result<DrivingParams<T>> {
        let acceleration = values.acceleration;
        if !acceleration.is_finite() {
            return Err(Error::range(
                "parameters.acceleration",
                acceleration,
                "finite, in (km/s)^2/kpc",
            ));
        }
        Ok(DrivingParams {
            acceleration: T::of(acceleration),
        })
    }

    fn process<T: Real>(
        options: DrivingTable,
        name: &str,
        site: &Site,
        state: &World<T>,
    ) -> Result<AnyProcess<T>> {
        state.named::<ClockState<T>>("with.clock", &options.clock)?;
        let spectrum = Spectrum {
            waves: options.waves,
            solenoidal: options.solenoidal,
            correlation_time: options.correlation_time.0,
            seed: site.seed,
        };
        let driving = Driving::new(&site.mesh, spectrum).map_err(|e| Error::plugin("with", e))?;
        let ideal = state.get::<IdealState<T>>(&options.gas).is_some();
        let (gas, clock, own) = (options.gas, options.clock, name.to_owned());
        if ideal {
            return Ok(Box::new(Driven {
                driving,
                gas,
                clock,
                own,
                law: PhantomData::<Ideal>,
            }));
        }
        state.named::<crate::IsothermalState<T>>("with.gas", &gas)?;
        Ok(Box::new(Driven {
            driving,
            gas,
            clock,
            own,
            law: PhantomData::<Isothermal>,
        }))
    }
}

/// Driving of one component by another's time.
struct Driven<E> {
    driving: Driving,
    gas: String,
    clock: String,
    /// The name under which the parameters of the process are.
    own: String,
    law: PhantomData<E>,
}

/// Why a lookup in a world cannot fail: the build has seen both components.
const BUILT: &str = "a world of the simulation that the process was built for";

impl<T: Real, E: EquationOfState<T>> Process<T, World<T>, World<T>> for Driven<E> {
    fn apply(&self, p: &World<T>, x: &mut World<T>, dt: f64) -> adastra_core::Result<()> {
        let time = x.get::<ClockState<T>>(&self.clock).expect(BUILT).time;
        let gas = x.get_mut::<E::State>(&self.gas).expect(BUILT);
        let own = p.get(&self.own).expect(BUILT);
        self.driving.drive::<T, E>(own, gas, time, dt)
    }

    fn vjp(
        &self,
        p: &World<T>,
        x: &World<T>,
        dt: f64,
        x_bar: &mut World<T>,
        p_bar: &mut World<T>,
    ) -> adastra_core::Result<()> {
        let time = x.get::<ClockState<T>>(&self.clock).expect(BUILT).time;
        let gas = x.get::<E::State>(&self.gas).expect(BUILT);
        let (gas_bar, clock_bar) = x_bar
            .pair_mut::<E::State, ClockState<T>>(&self.gas, &self.clock)
            .expect(BUILT);
        let own = p.get(&self.own).expect(BUILT);
        let own_bar = p_bar.get_mut(&self.own).expect(BUILT);
        let bars = (gas_bar, &mut clock_bar.time);
        self.driving
            .drive_vjp::<T, E>(own, (gas, time), dt, bars, own_bar)
    }

    fn limits(&self, _: &World<T>, _: &World<T>) -> adastra_core::Result<Vec<Limit>> {
        Ok(vec![self.driving.limit()])
    }
}
