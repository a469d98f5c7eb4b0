//! Configurations on a GPU: `device = "cuda"`.

use std::sync::Arc;

use adastra_core::{Adjoint, Evolve, Operator, Real, Report, Result, State};
use adastra_gravity::{March, Step, TimeStep};
use adastra_particles::pipeline::ParticleMatter;
use adastra_pipeline::{
    DevicePlugin, Engine, Error, Expansion, Given, MatterPlugin, Motion, PullBack, Registry,
    Reversal, Run, Site, Watch, World,
};

use crate::components::{AnyTwin, Components, erased};
use crate::{Background, Device, Gravity, Leapfrog, ParticleTwin, RealArray, SelfGravity, Twin};

/// Registers the GPUs, and the twin of particles.
///
/// # Errors
/// [`Error::Duplicate`].
pub fn plugin(registry: &mut Registry) -> adastra_pipeline::Result<()> {
    registry.device::<Cuda>()?;
    register::<ParticleTwin, ParticleMatter>(registry)
}

/// Registers the twin of a plugin's matter.
///
/// # Errors
/// [`Error::Duplicate`].
pub fn register<W, P>(registry: &mut Registry) -> adastra_pipeline::Result<()>
where
    P: MatterPlugin,
    W: Twin<Host<f32> = P::Matter<f32>, Host<f64> = P::Matter<f64>>,
{
    registry.twin::<Cuda, P>(Part::of::<W>, Part::of::<W>)
}

/// `cuda`
#[derive(Debug)]
pub struct Cuda;

/// A component that waits for its device.
pub struct Part<T: Real>(Box<dyn FnOnce(&Device) -> Result<Box<dyn AnyTwin<T>>>>);

impl<T: Real> Part<T> {
    fn of<W: Twin>(host: W::Host<T>) -> Self {
        Self(Box::new(move |device| {
            Ok(erased::<W, T>(W::matter(device, &host)?))
        }))
    }
}

impl DevicePlugin for Cuda {
    const NAME: &'static str = "cuda";
    const ABOUT: &'static str = "NVIDIA GPUs";
    type Twin<T: Real> = Part<T>;

    fn engine<T: Real>(
        number: usize,
        site: &Site,
        constant: f64,
        components: Vec<Part<T>>,
    ) -> adastra_pipeline::Result<Arc<dyn Engine<T>>> {
        let wrong = |e| Error::plugin("device", e);
        let device = Device::open(number).map_err(wrong)?;
        let twins = components.into_iter().map(|Part(make)| make(&device));
        let matter = Components(twins.collect::<Result<_>>()?);
        let system = SelfGravity::with_constant(&device, &site.mesh, matter, constant);
        let mut system = system.map_err(wrong)?;
        if let Some(expansion) = &site.expansion {
            system = system.with_source(Expansion(expansion.clone()));
        }
        let system = Arc::new(system);
        Ok(Arc::new(OnDevice { device, system }))
    }
}

type System<T> = SelfGravity<T, Components<T>>;
type Params<T> = (World<T>, Background<T>);

/// Steps on a device.
struct OnDevice<T: Real> {
    device: Device,
    system: Arc<System<T>>,
}

impl<T: Real> Clone for OnDevice<T> {
    fn clone(&self) -> Self {
        Self {
            device: self.device.clone(),
            system: self.system.clone(),
        }
    }
}

impl<T: Real> OnDevice<T> {
    fn matter(&self) -> &Components<T> {
        self.system.matter()
    }

    /// Parameters and background on the device, without an acceleration that no component feels.
    fn params(&self, p: &Given<T>) -> Result<Params<T>> {
        let mut background = Background::none();
        if let Some(given) = &p.1.0 {
            let field = |a: &ndarray::Array3<T>| RealArray::from_host(&self.device, a.view());
            let mut acceleration = None;
            if let Some([x, y, z]) = &given.acceleration {
                acceleration = Some([field(x)?, field(y)?, field(z)?]);
            }
            background.0 = Some(Gravity {
                potential: field(&given.potential)?,
                acceleration,
            });
        }
        Ok((self.matter().params(&p.0)?, background))
    }

    /// Adds a cotangent of [`OnDevice::params`] to that of what they were made of.
    fn params_vjp(&self, p: &Given<T>, bar: &Params<T>, p_bar: &mut Given<T>) -> Result<()> {
        self.matter().params_vjp(&p.0, &bar.0, &mut p_bar.0);
        let (Some(to), Some(from)) = (&mut p_bar.1.0, &bar.1.0) else {
            return Ok(());
        };
        to.potential.axpy(T::one(), &from.potential.to_array()?);
        if let (Some(to), Some(from)) = (&mut to.acceleration, &from.acceleration) {
            for (to, from) in to.iter_mut().zip(from) {
                to.axpy(T::one(), &from.to_array()?);
            }
        }
        Ok(())
    }
}

impl<T: Real> Engine<T> for OnDevice<T> {
    fn reversible(&self) -> bool {
        true
    }

    fn memory(&self) -> Result<Option<usize>> {
        Ok(Some(self.device.available()? / 2))
    }

    fn motion(&self, p: &Arc<Given<T>>) -> Result<Box<dyn Motion<T>>> {
        let (there, p) = (self.clone(), self.params(p)?);
        Ok(Box::new(Moving { there, p }))
    }

    fn run(&self, dt: &[f64], reversal: Reversal, watch: Option<Watch>) -> Box<dyn Run<T>> {
        let leapfrog = Leapfrog::new(self.system.clone(), dt);
        Box::new(Recorded {
            there: self.clone(),
            run: Arc::new(reversal.evolve(leapfrog, watch)),
        })
    }
}

/// A run forward.
struct Moving<T: Real> {
    there: OnDevice<T>,
    p: Params<T>,
}

impl<T: Real> Motion<T> for Moving<T> {
    fn load(&self, x: World<T>) -> Result<World<T>> {
        self.there.matter().to_device(&self.there.device, &x)
    }

    fn to_host(&self, x: &World<T>) -> Result<Option<World<T>>> {
        Ok(Some(self.there.matter().to_host(x)?))
    }

    fn advance(
        &self,
        march: &mut March,
        x: &mut World<T>,
        rule: TimeStep,
        until: f64,
    ) -> Result<Step> {
        self.there.system.advance(march, &self.p, x, rule, until)
    }

    fn close(&self, march: &mut March, x: &mut World<T>) -> Result<()> {
        self.there.system.close(march, &self.p, x)
    }
}

/// A run over recorded steps.
struct Recorded<T: Real> {
    there: OnDevice<T>,
    run: Arc<Evolve<T, Leapfrog<T, Components<T>>>>,
}

impl<T: Real> Run<T> for Recorded<T> {
    fn predict(&self, x: &World<T>) -> Result<Report> {
        self.run.predict(x)
    }

    fn last(&self, p: &Given<T>, x: World<T>) -> Result<World<T>> {
        let (p, matter) = (self.there.params(p)?, self.there.matter());
        let x = matter.to_device(&self.there.device, &x)?;
        matter.to_host(&self.run.apply(&p, x)?)
    }

    fn recorded(&self, p: &Given<T>, x: World<T>) -> Result<(World<T>, PullBack<T>)> {
        let (there, run) = (self.there.clone(), self.run.clone());
        let params = there.params(p)?;
        let start = there.matter().to_device(&there.device, &x)?;
        drop(x);
        let (y, tape) = run.record(&params, start)?;
        let y = there.matter().to_host(&y)?;
        let pull_back: PullBack<T> = Box::new(move |p, y_bar, p_bar| {
            let bar = there.matter().to_device(&there.device, &y_bar)?;
            drop(y_bar);
            let mut params_bar = params.zeros_like();
            let (x_bar, report) = run.pull_back(&params, tape, bar, &mut params_bar)?;
            there.params_vjp(p, &params_bar, p_bar)?;
            Ok((there.matter().to_host(&x_bar)?, report))
        });
        Ok((y, pull_back))
    }
}
