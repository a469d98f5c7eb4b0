//! Initial conditions: where particles start, and how fast.

use adastra_core::Real;
use adastra_gravity::G;
use adastra_grid::Mesh;
use ndarray::{Array1, Array2};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;

use crate::cic::wrap;
use crate::random::{direction, normal, uniform};
use crate::{ParticleError, ParticleState};

/// Most particles of a set: a slip in a configuration ends in an error, not in a full memory.
const MOST_PARTICLES: usize = 1 << 30;

/// Where particles start.
#[derive(Debug, Clone, PartialEq)]
pub enum Positions {
    /// One particle.
    Single {
        /// Its position, in kpc, inside the box.
        position: [f64; 3],
    },
    /// A lattice that fills the box: along each axis, particles at `(i + 1/2) L/n`. A count of
    /// one is the middle: `[8, 8, 1]` is an 8 x 8 lattice in the plane z = L/2. The last axis
    /// runs fastest.
    Lattice {
        /// Particles along x, y and z.
        count: [usize; 3],
    },
    /// Random, uniform in the box.
    Uniform {
        /// Number of particles.
        count: usize,
        /// Seed of the positions.
        seed: u64,
    },
    /// A Plummer (1911) sphere: density proportional to `(1 + r^2/a^2)^(-5/2)`, up to a cutoff.
    Plummer {
        /// Number of particles.
        count: usize,
        /// Centre, in kpc, inside the box.
        centre: [f64; 3],
        /// Scale radius a, in kpc.
        scale_radius: f64,
        /// Radius of the outermost particle, in kpc: at most half the shortest side of the box,
        /// so that the sphere does not meet its image.
        cutoff: f64,
        /// Seed of the positions.
        seed: u64,
    },
}

impl Positions {
    /// The generator's name, as configurations write it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Single { .. } => "single",
            Self::Lattice { .. } => "lattice",
            Self::Uniform { .. } => "uniform",
            Self::Plummer { .. } => "plummer",
        }
    }
}

/// How fast particles start, about their bulk velocity.
#[derive(Debug, Clone, PartialEq)]
pub enum Velocities {
    /// At rest.
    Zero,
    /// Normal deviates along each axis.
    Gaussian {
        /// Standard deviation along each axis, in km/s.
        dispersion: f64,
        /// Seed of the velocities.
        seed: u64,
    },
    /// The isotropic equilibrium of a Plummer sphere under its own gravity, without a mesh
    /// (Aarseth, Henon & Wielen 1974, appendix); for [`Positions::Plummer`] only.
    Equilibrium {
        /// Seed of the velocities.
        seed: u64,
    },
}

/// Initial conditions of particles of equal mass.
///
/// Numbers are drawn in f64 and in a fixed order: a seed gives the same particles for any number
/// of threads, and in f32 the rounded ones of f64. Positions and velocities of one seed are drawn
/// from streams that do not overlap.
#[derive(Debug, Clone, PartialEq)]
pub struct InitialParticles {
    /// Where they start.
    pub positions: Positions,
    /// How fast they start.
    pub velocities: Velocities,
    /// Velocity that is added to all, in km/s.
    pub bulk_velocity: [f64; 3],
    /// Mass of each particle, in Msun; zero makes tracers.
    pub mass: f64,
}

impl InitialParticles {
    /// The particles, in the box of `mesh`.
    ///
    /// # Errors
    /// [`ParticleError::Range`] naming the option, its value and what is allowed;
    /// [`ParticleError::NoEquilibrium`].
    pub fn generate<T: Real>(&self, mesh: &Mesh) -> Result<ParticleState<T>, ParticleError> {
        let mass = at_least_zero::<T>("mass", self.mass, "finite and not negative, in Msun")?;
        for v in self.bulk_velocity {
            within("bulk_velocity", v, T::of(v).is_finite(), "finite, in km/s")?;
        }
        let positions = self.positions(mesh)?;
        let velocities = self.velocities::<T>(&positions)?;

        let size = mesh.size();
        let rounded = |x: f64, axis: usize| wrap(T::of(x), T::of(size[axis]));
        Ok(ParticleState {
            position: Array2::from_shape_fn((positions.len(), 3), |(i, d)| {
                rounded(positions[i][d], d)
            }),
            velocity: Array2::from_shape_fn((positions.len(), 3), |(i, d)| {
                T::of(velocities[i][d] + self.bulk_velocity[d])
            }),
            mass: Array1::from_elem(positions.len(), mass),
        })
    }

    fn positions(&self, mesh: &Mesh) -> Result<Vec<[f64; 3]>, ParticleError> {
        let size = mesh.size();
        match self.positions {
            Positions::Single { position } => {
                inside("position", position, size)?;
                Ok(vec![position])
            }
            Positions::Lattice { count } => {
                let all = count.into_iter().fold(1usize, usize::saturating_mul);
                counted(all)?;
                let [_, ny, nz] = count;
                let index = |i: usize| [i / (ny * nz), i / nz % ny, i % nz];
                let at = |i: usize, d: usize| (i as f64 + 0.5) * (size[d] / count[d] as f64);
                let place = |i: [usize; 3]| std::array::from_fn(|d| at(i[d], d));
                Ok((0..all).map(|i| place(index(i))).collect())
            }
            Positions::Uniform { count, seed } => {
                counted(count)?;
                let rng = &mut Xoshiro256PlusPlus::seed_from_u64(seed);
                Ok((0..count).map(|_| size.map(|l| l * uniform(rng))).collect())
            }
            Positions::Plummer {
                count,
                centre,
                scale_radius,
                cutoff,
                seed,
            } => {
                counted(count)?;
                inside("centre", centre, size)?;
                let good = scale_radius > 0.0 && scale_radius.is_finite();
                within(
                    "scale_radius",
                    scale_radius,
                    good,
                    "positive and finite, in kpc",
                )?;
                let half = 0.5 * size.into_iter().fold(f64::INFINITY, f64::min);
                let good = cutoff > 0.0 && cutoff <= half;
                let allowed = "positive and at most half the shortest side of the box, in kpc";
                within("cutoff", cutoff, good, allowed)?;

                let most = enclosed(cutoff / scale_radius);
                let rng = &mut Xoshiro256PlusPlus::seed_from_u64(seed);
                let mut draw = || {
                    let radius = scale_radius * radius_enclosing(most * uniform(rng));
                    let r = direction(rng, radius);
                    std::array::from_fn(|d| centre[d] + r[d])
                };
                Ok((0..count).map(|_| draw()).collect())
            }
        }
    }

    fn velocities<T: Real>(&self, at: &[[f64; 3]]) -> Result<Vec<[f64; 3]>, ParticleError> {
        // A later part of the stream than the positions': the same seed may stand for both.
        let stream = |seed| {
            let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
            rng.jump();
            rng
        };
        match self.velocities {
            Velocities::Zero => Ok(vec![[0.0; 3]; at.len()]),
            Velocities::Gaussian { dispersion, seed } => {
                let allowed = "finite and not negative, in km/s";
                at_least_zero::<T>("dispersion", dispersion, allowed)?;
                let rng = &mut stream(seed);
                Ok(at
                    .iter()
                    .map(|_| [(); 3].map(|()| dispersion * normal(rng)))
                    .collect())
            }
            Velocities::Equilibrium { seed } => {
                let Positions::Plummer {
                    centre,
                    scale_radius,
                    cutoff,
                    ..
                } = self.positions
                else {
                    return Err(ParticleError::NoEquilibrium {
                        positions: self.positions.name(),
                    });
                };
                let whole = self.mass * at.len() as f64 / enclosed(cutoff / scale_radius);
                let rng = &mut stream(seed);
                let mut draw = |x: &[f64; 3]| {
                    let r2: f64 = x.iter().zip(centre).map(|(x, c)| (x - c).powi(2)).sum();
                    let escape = (2.0 * G * whole / (r2 + scale_radius.powi(2)).sqrt()).sqrt();
                    let speed = escape * plummer_speed(rng);
                    direction(rng, speed)
                };
                Ok(at.iter().map(&mut draw).collect())
            }
        }
    }
}

/// A speed in an equilibrium Plummer sphere as a fraction q of the local escape speed: density
/// `q^2 (1 - q^2)^(7/2)`, by rejection (Aarseth, Henon & Wielen 1974, appendix).
fn plummer_speed(rng: &mut Xoshiro256PlusPlus) -> f64 {
    loop {
        let q = uniform(rng);
        // The density's maximum is 0.092.
        if 0.1 * uniform(rng) < q * q * (1.0 - q * q).powf(3.5) {
            return q;
        }
    }
}

/// Mass within `r` scale radii, as a fraction of the whole: `r^3 / (1 + r^2)^(3/2)`.
fn enclosed(r: f64) -> f64 {
    (r * r / (1.0 + r * r)).powf(1.5)
}

/// Inverse of [`enclosed`].
fn radius_enclosing(fraction: f64) -> f64 {
    1.0 / (fraction.powf(-2.0 / 3.0) - 1.0).sqrt()
}

fn counted(count: usize) -> Result<(), ParticleError> {
    let good = (1..=MOST_PARTICLES).contains(&count);
    within("count", count as f64, good, "from 1 to 1073741824 in all")
}

fn inside(name: &'static str, x: [f64; 3], size: [f64; 3]) -> Result<(), ParticleError> {
    for (x, size) in x.into_iter().zip(size) {
        within(
            name,
            x,
            (0.0..=size).contains(&x),
            "inside the box, from 0 to its size in kpc",
        )?;
    }
    Ok(())
}

fn at_least_zero<T: Real>(
    name: &'static str,
    value: f64,
    allowed: &'static str,
) -> Result<T, ParticleError> {
    let rounded = T::of(value);
    within(
        name,
        value,
        rounded >= T::zero() && rounded.is_finite(),
        allowed,
    )?;
    Ok(rounded)
}

fn within(
    name: &'static str,
    value: f64,
    good: bool,
    allowed: &'static str,
) -> Result<(), ParticleError> {
    if good {
        Ok(())
    } else {
        Err(ParticleError::Range {
            name,
            value,
            allowed,
        })
    }
}
