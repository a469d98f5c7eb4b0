//! Streams by particle spray.

mod release;
mod step;

use adastra_core::{
    Adjoint, Error, Evolve, Operator, Real, Result, ReversibleSchedule, Tangent, Tape,
};
use adastra_particles::ParticleState;
use ndarray::{Array1, Array2, s};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;

pub use step::{SprayStep, Spraying};

use crate::arrays::{shape, state};
use crate::progenitor::{OrbitTape, TracedBack};
use crate::{Galaxy, NBodyError, ProgenitorParams, Scheme};
use release::Draw;

/// A stream by particle spray (Chen et al. 2025, ApJS 276, 32): stars leave a progenitor on its
/// orbit through both its Lagrange points, two at a time, and fall as test particles in the
/// galaxy and in the progenitor's potential, a Plummer sphere that moves along.
///
/// The progenitor is traced back from today for the span of the run. Stars leave at equal
/// intervals from then on, where the coordinates x along the radius, y along the motion and z along
/// the angular momentum of the progenitor have
///
/// ```text
/// distance = D r_t,   speed = sqrt(2 G M / distance),   r_t^3 = G M / (L^2/r^4 - d^2 Phi/dr^2)
/// ```
///
/// with D and the four angles of place and motion from the paper's normal distribution. The draw
/// fixes those; as an operator, without input, it gives the stars of today, shape (n, 3), in the
/// order of their release, the first one earliest, alternately from the trailing and the leading
/// tail, differentiable by all of [`ProgenitorParams`] but the softening, which is not used: time
/// since the accretion, galaxy, mass and scale radius of the progenitor, and where it is today.
/// Stars have no mass. The galaxy's potentials see today as time zero.
///
/// All move by drift-kick-drift in steps of equal length; the reverse sweep undoes them and
/// needs the memory of a few states. A stream of 1e4 stars costs a run of half as many test
/// particles, a star cluster of 1e4 stars five hundred times that.
///
/// # Errors
/// Those of [`Galaxy`]; [`NBodyError::NoTidalRadius`] where the tide of the galaxy does not pull
/// stars out; [`NBodyError::Range`] for a mass or scale radius that is not above zero.
///
/// ```
/// use adastra_core::Operator;
/// use adastra_nbody::*;
///
/// let galaxy = Galaxy::new().with(Nfw).with(MiyamotoNagai);
/// let stream = ParticleSpray::new(200, galaxy, 600, 1)?;
/// let run = NBodyParams::new(3.0, 0.0, [4.37e11, 16.0, 6.8e10, 3.0, 0.28]);
/// let today = ([-11.8, 0.79, 6.4], [-109.5, -254.5, -90.3]);
/// let p = ProgenitorParams::<f64>::new(run, 2e4, 0.01, today.0, today.1);
/// let stars = stream.apply(&p, ())?;
/// assert_eq!(stars.len(), 200);
/// # Ok::<(), adastra_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ParticleSpray {
    orbit: TracedBack,
    steps: Spraying,
}

/// What the reverse derivative of a [`ParticleSpray`] needs.
pub struct Sprayed<T: Real> {
    orbit: OrbitTape<T>,
    run: Tape<ParticleState<T>, ParticleState<T>>,
}

impl ParticleSpray {
    /// `n` stars in `steps` steps; the seed fixes how they leave.
    ///
    /// # Errors
    /// [`NBodyError::Range`] for fewer than one star or step.
    pub fn new(n: usize, galaxy: Galaxy, steps: usize, seed: u64) -> Result<Self> {
        for (name, value) in [("n", n), ("steps", steps)] {
            if value == 0 {
                return Err(Error::operator(
                    "particle spray",
                    NBodyError::Range {
                        name: name.to_owned(),
                        value: 0.0,
                        allowed: "at least 1",
                    },
                ));
            }
        }
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let tails = [1.0, -1.0].into_iter().cycle().take(n);
        Ok(Self {
            steps: Spraying {
                galaxy: galaxy.clone(),
                draws: tails.map(|tail| Draw::new(tail, &mut rng)).collect(),
                steps,
            },
            orbit: TracedBack::new(galaxy, Scheme::DriftKickDrift, steps),
        })
    }

    /// The same draw in another galaxy.
    #[must_use]
    pub fn in_galaxy(mut self, galaxy: Galaxy) -> Self {
        self.orbit = TracedBack::new(galaxy.clone(), Scheme::DriftKickDrift, self.steps.steps);
        self.steps.galaxy = galaxy;
        self
    }

    /// Number of stars.
    pub fn len(&self) -> usize {
        self.steps.draws.len()
    }

    /// Whether there are no stars, which is never so.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn run<T: Real>(&self) -> Evolve<T, Spraying> {
        let anchors = self.steps.steps / 256;
        let schedule = ReversibleSchedule::Reconstruct { anchors };
        Evolve::reversible(self.steps.clone(), schedule)
    }

    /// The progenitor and room for the stars.
    fn start<T: Real>(&self, then: ParticleState<T>) -> ParticleState<T> {
        let mut x = ParticleState::zeros(1 + self.len());
        x.position.row_mut(0).assign(&then.position.row(0));
        x.velocity.row_mut(0).assign(&then.velocity.row(0));
        x
    }

    /// All but the progenitor.
    fn stars<T: Real>(y: ParticleState<T>) -> ParticleState<T> {
        ParticleState {
            position: y.position.slice(s![1.., ..]).to_owned(),
            velocity: y.velocity.slice(s![1.., ..]).to_owned(),
            mass: y.mass.slice(s![1..]).to_owned(),
        }
    }
}

impl<T: Real> Operator<T> for ParticleSpray {
    type Params = ProgenitorParams<T>;
    type In = ();
    type Out = ParticleState<T>;

    fn apply(&self, p: &ProgenitorParams<T>, (): ()) -> Result<ParticleState<T>> {
        let x = self.start(self.orbit.apply(p)?);
        Ok(Self::stars(self.run().apply(p, x)?))
    }
}

impl<T: Real> Tangent<T> for ParticleSpray {
    fn jvp(
        &self,
        p: &ProgenitorParams<T>,
        dp: &ProgenitorParams<T>,
        (): (),
        (): (),
    ) -> Result<(ParticleState<T>, ParticleState<T>)> {
        let (then, dthen) = self.orbit.jvp(p, dp)?;
        let (x, dx) = (self.start(then), self.start(dthen));
        let (y, dy) = self.run().jvp(p, dp, x, dx)?;
        Ok((Self::stars(y), Self::stars(dy)))
    }
}

impl<T: Real> Adjoint<T> for ParticleSpray {
    type Saved = Sprayed<T>;

    fn record(&self, p: &ProgenitorParams<T>, (): ()) -> Result<(ParticleState<T>, Sprayed<T>)> {
        let (then, orbit) = self.orbit.record(p)?;
        let (y, run) = self.run().record(p, self.start(then))?;
        Ok((Self::stars(y), Sprayed { orbit, run }))
    }

    fn vjp(
        &self,
        p: &ProgenitorParams<T>,
        Sprayed { orbit, run }: Sprayed<T>,
        bar: ParticleState<T>,
        p_bar: &mut ProgenitorParams<T>,
    ) -> Result<()> {
        shape("cotangent of the stars", &[state(&bar)?], &[self.len()])?;
        let mut y_bar = self.start(ParticleState::zeros(1));
        y_bar.position.slice_mut(s![1.., ..]).assign(&bar.position);
        y_bar.velocity.slice_mut(s![1.., ..]).assign(&bar.velocity);
        let x_bar = self.run().vjp(p, run, y_bar, p_bar)?;
        let first = |rows: &Array2<T>| -> Array1<T> { rows.row(0).to_owned() };
        let then_bar = TracedBack::single(&first(&x_bar.position), &first(&x_bar.velocity));
        self.orbit.vjp(p, orbit, then_bar, p_bar)
    }
}
