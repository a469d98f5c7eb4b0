//! Direct N-body with galactic potentials: particles that attract each other and fall in a galaxy,
//! with exact derivatives of where they end up by all that they depend on.
//!
//! | what | where |
//! |---|---|
//! | the direct sum, on vector registers and threads | [`SelfGravity`] |
//! | a fast multipole method for many particles | [`SelfGravity::multipoles`], [`Multipoles`] |
//! | potentials of galaxies, one's own among them | [`Galaxy`], [`Profile`], [`ScalarProfile`] |
//! | symplectic runs of second, fourth and sixth order | [`Integration`], [`Scheme`] |
//! | adaptive runs of test particles | [`AdaptiveRun`] |
//! | spheres in equilibrium; disks nearly so | [`Sphere`], [`Disk`] |
//! | a sphere on an orbit traced back in time; streams by particle spray | [`Progenitor`], [`ParticleSpray`] |
//! | derivatives that keep less of the pairs; growth of perturbations | [`PairDerivative`], [`Growth`] |
//! | orbits: energies, apsides, surfaces of section, actions | [`Orbits`], [`Actions`] |
//! | what an observer sees, and how unlike it is to data | [`Sky`], [`Likeness`], [`Track`] |
//!
//! ```
//! use adastra_core::{Evolve, Operator, ReversibleSchedule};
//! use adastra_nbody::*;
//!
//! // A cluster of 1e5 Msun falls for 0.1 kpc/(km/s) (98 Myr).
//! let sphere = SphereParams::<f64>::new(1e5, 0.01).moving([12.0, 0.0, 6.0], [0.0, 150.0, 0.0]);
//! let cluster = Sphere::plummer(64, 10.0, 1)?.apply(&sphere, ())?;
//! let galaxy = Galaxy::new().with(Nfw).with(MiyamotoNagai);
//! let p = NBodyParams::new(0.1, 0.01, [4.37e11, 16.0, 6.8e10, 3.0, 0.28]);
//!
//! let system = NBody::new(SelfGravity::new(), galaxy);
//! let run = Integration::new(system, Scheme::KickDriftKick, 100);
//! let run = Evolve::reversible(run, ReversibleSchedule::auto());
//! let found = run.value_and_gradient(&p, cluster, |y| Ok((0.0, y.clone())))?;
//! // By the time span, the softening, the masses and shapes of halo and disk, the first state.
//! assert!(found.p_bar.span != 0.0 && found.p_bar.softening != 0.0);
//! assert_eq!(found.p_bar.galaxy.len(), 5);
//! assert_eq!(found.x_bar.mass.len(), 64);
//! # Ok::<(), adastra_core::Error>(())
//! ```
//!
//! # What the gradient is worth
//!
//! The gradient is exact: that of the discrete run, the attraction of the pairs included. Where
//! the system is chaotic, as a cluster is over many dynamical times, the last state is so sensitive
//! to the first that its exact derivative, however right, tells nothing about the loss a little
//! farther away. How much a perturbation grows, and in what time by a factor e, is what [`Growth`]
//! measures; a softening of the order of the separations and a span of few dynamical times keep
//! it small. Where that is not to be had, a run has two other derivatives by name,
//! [`PairDerivative::Frozen`] and [`PairDerivative::Horizon`], which leave part of the
//! attraction of the pairs out and say which; and a [`ParticleSpray`] makes a stream without pairs.
//!
//! # Cost
//!
//! Every pair is visited in both directions, once for each of its particles: nothing but a
//! particle's own sum is then written while its sources pass by, and the order of that sum is theirs.
//! The reverse derivative visits the pairs once more and takes about two sums; undoing a step
//! shares that visit. Neither keeps anything of the size of n^2. `benches/direct_sum.rs` measures
//! all of it beside
//! the arithmetic limit of the machine.
//!
//! Units are kpc, km/s and Msun; times are in kpc/(km/s), which is 978 Myr. Nothing depends on the
//! units but the constant [`G`], itself a parameter.

mod approximation;
mod arrays;
mod disk;
mod error;
mod gravity;
mod growth;
mod integration;
mod likeness;
mod orbit;
mod pairs;
#[cfg(feature = "pipeline")]
pub mod pipeline;
mod potential;
mod progenitor;
mod random;
mod runge_kutta;
mod scheme;
mod simd;
mod sky;
mod sphere;
mod spray;
mod system;
mod track;
mod tree;
mod visit;

pub use adastra_particles::ParticleState;
pub use approximation::PairDerivative;
pub use disk::{Disk, DiskParams};
pub use error::NBodyError;
pub use gravity::{GravityParams, SelfGravity};
pub use growth::Growth;
pub use integration::{Integration, KickDrift, Kicked};
pub use likeness::Likeness;
pub use orbit::{Actions, Apsides, Orbits, angular_momenta};
pub use pairs::PairPrecision;
pub use potential::{
    Allowed, Amplitude, ExponentialDisk, Galaxy, GalaxyParams, Hernquist, History, Isochrone,
    Local, Logarithmic, MiyamotoNagai, Multipole, Nfw, Number, Parameter, Plummer, PointMass,
    Profile, ScalarProfile, TriaxialNfw, TruncatedPowerLaw, TwoPowerTriaxial,
};
pub use progenitor::{Progenitor, ProgenitorParams, Traced};
pub use runge_kutta::{AdaptiveRun, RungeKuttaStep};
pub use scheme::Scheme;
pub use sky::{Observer, SKY_COLUMNS, Sky};
pub use sphere::{Sphere, SphereParams};
pub use spray::{ParticleSpray, SprayStep, Sprayed, Spraying};
pub use system::{Conserved, NBody, NBodyParams};
pub use track::Track;
pub use tree::Multipoles;

/// Constant of gravity, in kpc (km/s)^2/Msun.
pub const G: f64 = 4.302_410_02e-6;
