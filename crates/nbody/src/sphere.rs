//! Initial conditions: spheres in equilibrium.

mod draw;
mod eddington;

use adastra_core::{Adjoint, Error, Operator, Real, Result, Tangent, state};
use adastra_particles::ParticleState;
use ndarray::{Array1, Array2};

use self::eddington::{Eddington, TruncatedNfw};
use crate::arrays::{shape, state};
use crate::{G, NBodyError};

state! {
    /// Parameters of a [`Sphere`].
    #[derive(Debug, PartialEq)]
    pub struct SphereParams<T> {
        /// Constant of gravity G, in kpc (km/s)^2/Msun.
        pub gravitational_constant: T,
        /// Mass M of the model, in Msun.
        pub mass: T,
        /// Scale radius a, in kpc.
        pub scale_radius: T,
        /// Where the centre of mass is, in kpc, shape (3,).
        pub position: Array1<T>,
        /// How it moves, in km/s, shape (3,).
        pub velocity: Array1<T>,
    }
}

impl<T: Real> SphereParams<T> {
    /// A sphere of a mass in Msun and a scale radius in kpc, at rest at the origin.
    pub fn new(mass: f64, scale_radius: f64) -> Self {
        Self {
            gravitational_constant: T::of(G),
            mass: T::of(mass),
            scale_radius: T::of(scale_radius),
            position: Array1::zeros(3),
            velocity: Array1::zeros(3),
        }
    }

    /// The same, with its centre of mass at a position in kpc and a velocity in km/s.
    #[must_use]
    pub fn moving(mut self, position: [f64; 3], velocity: [f64; 3]) -> Self {
        self.position = position.iter().map(|&x| T::of(x)).collect();
        self.velocity = velocity.iter().map(|&v| T::of(v)).collect();
        self
    }
}

/// A sphere of particles drawn from the distribution function of an isotropic model, with its
/// centre of mass at rest in the centre.
///
/// The draw fixes positions in scale radii and velocities in sqrt(G M / a), once and for all; as
/// an operator, without input, it scales them by the parameters (the reparameterization of
/// Kingma & Welling 2014), so that the particles are differentiable by mass, scale radius,
/// place and motion. The same seed gives the same particles.
///
/// ```
/// use adastra_core::Operator;
/// use adastra_nbody::{Sphere, SphereParams};
///
/// let p = SphereParams::<f64>::new(1e5, 0.02).moving([12.0, 0.0, 6.0], [0.0, 150.0, 0.0]);
/// let cluster = Sphere::plummer(1000, 10.0, 1)?.apply(&p, ())?;
/// let centre = cluster.position.mean_axis(ndarray::Axis(0)).unwrap();
/// assert!((centre[0] - 12.0).abs() < 1e-12);
/// # Ok::<(), adastra_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Sphere {
    /// In scale radii, shape (n, 3).
    position: Array2<f64>,
    /// In sqrt(G M / a), shape (n, 3).
    velocity: Array2<f64>,
    /// Of each particle, over M.
    mass: f64,
}

impl Sphere {
    /// `n` particles of a Plummer (1911, MNRAS 71, 460) sphere within `truncation` scale radii,
    /// drawn as by Aarseth, Henon & Wielen (1974, A&A 37, 183). They share the mass that the model
    /// has there.
    ///
    /// # Errors
    /// [`NBodyError::Range`] unless there is a particle and `truncation` is above zero.
    pub fn plummer(n: usize, truncation: f64, seed: u64) -> Result<Self> {
        Self::drawn(n, truncation, seed, &draw::Plummer)
    }

    /// `n` particles of a Hernquist (1990, ApJ 356, 359) sphere within `truncation` scale radii.
    /// They share the mass that the model has there.
    ///
    /// # Errors
    /// [`NBodyError::Range`] unless there is a particle and `truncation` is above zero.
    pub fn hernquist(n: usize, truncation: f64, seed: u64) -> Result<Self> {
        Self::drawn(n, truncation, seed, &draw::Hernquist)
    }

    /// `n` particles of a King (1966, AJ 71, 64) model of central potential W_0. The scale radius is
    /// King's core radius `r_0 = sqrt(9 sigma^2 / (4 pi G rho_0))`, the mass that within the tidal
    /// radius, where the model ends.
    ///
    /// # Errors
    /// [`NBodyError::Range`] unless there is a particle and W_0 lies between 0.1 and 12.
    pub fn king(n: usize, central_potential: f64, seed: u64) -> Result<Self> {
        let model = draw::King::new(central_potential)?;
        Self::drawn(n, model.tidal_radius(), seed, &model)
    }

    /// `n` particles of a halo of Navarro, Frenk & White (1996, ApJ 462, 563), cut off at
    /// `truncation` scale radii as by McMillan & Dehnen (2007, MNRAS 378, 541),
    /// `rho ~ sech(r / (truncation r_s)) / ((r/r_s) (1 + r/r_s)^2)`. The distribution function is
    /// the isotropic one of the halo's own potential, by Eddington's (1916, MNRAS 76, 572)
    /// inversion. The mass is the total one, which is finite, unlike that of the potential
    /// [`Nfw`](crate::Nfw).
    ///
    /// # Errors
    /// [`NBodyError::Range`] unless there is a particle and `truncation` lies between 1 and 1e4.
    pub fn nfw(n: usize, truncation: f64, seed: u64) -> Result<Self> {
        if !(1.0..=1e4).contains(&truncation) {
            return Err(Error::operator(
                "sphere",
                NBodyError::Range {
                    name: "truncation".to_owned(),
                    value: truncation,
                    allowed: "between 1 and 1e4 scale radii",
                },
            ));
        }
        // sech(30) leaves nothing.
        let outer = 30.0 * truncation;
        let model = Eddington::new(&TruncatedNfw { truncation }, 1e-5, outer)?;
        Self::drawn(n, outer, seed, &model)
    }

    fn drawn(n: usize, truncation: f64, seed: u64, model: &impl draw::Model) -> Result<Self> {
        let range = |name: &str, value, allowed| NBodyError::Range {
            name: name.to_owned(),
            value,
            allowed,
        };
        let wrong = |e| Err(Error::operator("sphere", e));
        if n == 0 {
            return wrong(range("n", 0.0, "at least 1"));
        }
        if !(truncation > 0.0) {
            return wrong(range("truncation", truncation, "above 0"));
        }
        let (position, velocity) = draw::draw(model, n, truncation, seed);
        Ok(Self {
            position: centred(&position),
            velocity: centred(&velocity),
            mass: model.mass_within(truncation) / n as f64,
        })
    }

    /// Number of particles.
    pub fn len(&self) -> usize {
        self.position.nrows()
    }

    /// Whether there are no particles, which is never so.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The unit of velocity sqrt(G M / a), if the parameters have the right shapes and signs.
    fn speed<T: Real>(&self, p: &SphereParams<T>) -> Result<f64> {
        shape("position of the sphere", p.position.shape(), &[3])?;
        shape("velocity of the sphere", p.velocity.shape(), &[3])?;
        let numbers = [
            ("gravitational_constant", p.gravitational_constant),
            ("mass", p.mass),
            ("scale_radius", p.scale_radius),
        ];
        for (name, value) in numbers {
            if !(value > T::zero() && value.is_finite()) {
                return Err(Error::operator(
                    "sphere",
                    NBodyError::Range {
                        name: name.to_owned(),
                        value: value.f64(),
                        allowed: "above 0",
                    },
                ));
            }
        }
        Ok((p.gravitational_constant.f64() * p.mass.f64() / p.scale_radius.f64()).sqrt())
    }
}

/// With the mean taken off.
fn centred(rows: &[[f64; 3]]) -> Array2<f64> {
    let n = rows.len() as f64;
    let total = |k: usize| rows.iter().map(|x| x[k]).sum::<f64>();
    let mean: [f64; 3] = std::array::from_fn(|k| total(k) / n);
    Array2::from_shape_fn((rows.len(), 3), |(i, k)| rows[i][k] - mean[k])
}

impl<T: Real> Operator<T> for Sphere {
    type Params = SphereParams<T>;
    type In = ();
    type Out = ParticleState<T>;

    fn apply(&self, p: &SphereParams<T>, (): ()) -> Result<ParticleState<T>> {
        let (speed, a) = (self.speed(p)?, p.scale_radius.f64());
        let rows = |unit: &Array2<f64>, scale: f64, centre: &Array1<T>| {
            Array2::from_shape_fn(unit.raw_dim(), |(i, k)| {
                T::of(centre[k].f64() + scale * unit[[i, k]])
            })
        };
        Ok(ParticleState {
            position: rows(&self.position, a, &p.position),
            velocity: rows(&self.velocity, speed, &p.velocity),
            mass: Array1::from_elem(self.len(), T::of(self.mass * p.mass.f64())),
        })
    }
}

impl<T: Real> Tangent<T> for Sphere {
    fn jvp(
        &self,
        p: &SphereParams<T>,
        dp: &SphereParams<T>,
        (): (),
        (): (),
    ) -> Result<(ParticleState<T>, ParticleState<T>)> {
        let speed = self.speed(p)?;
        let relative = |p: T, dp: T| dp.f64() / p.f64();
        let dspeed = 0.5
            * speed
            * (relative(p.gravitational_constant, dp.gravitational_constant)
                + relative(p.mass, dp.mass)
                - relative(p.scale_radius, dp.scale_radius));
        let rows = |unit: &Array2<f64>, scale: f64, centre: &Array1<T>| {
            Array2::from_shape_fn(unit.raw_dim(), |(i, k)| {
                T::of(centre[k].f64() + scale * unit[[i, k]])
            })
        };
        let tangent = ParticleState {
            position: rows(&self.position, dp.scale_radius.f64(), &dp.position),
            velocity: rows(&self.velocity, dspeed, &dp.velocity),
            mass: Array1::from_elem(self.len(), T::of(self.mass * dp.mass.f64())),
        };
        Ok((self.apply(p, ())?, tangent))
    }
}

impl<T: Real> Adjoint<T> for Sphere {
    type Saved = ();

    fn record(&self, p: &SphereParams<T>, (): ()) -> Result<(ParticleState<T>, ())> {
        Ok((self.apply(p, ())?, ()))
    }

    fn vjp(
        &self,
        p: &SphereParams<T>,
        (): (),
        bar: ParticleState<T>,
        p_bar: &mut SphereParams<T>,
    ) -> Result<()> {
        shape("cotangent of the masses", &[state(&bar)?], &[self.len()])?;
        let speed = self.speed(p)?;
        let product = |unit: &Array2<f64>, bar: &Array2<T>| -> f64 {
            unit.iter().zip(bar).map(|(x, bar)| x * bar.f64()).sum()
        };
        let half = 0.5 * speed * product(&self.velocity, &bar.velocity);
        let mass_bar = self.mass * bar.mass.iter().map(|m| m.f64()).sum::<f64>();
        let over = |p: T| half / p.f64();
        let a_bar = product(&self.position, &bar.position) - over(p.scale_radius);
        p_bar.scale_radius += T::of(a_bar);
        p_bar.mass += T::of(mass_bar + over(p.mass));
        p_bar.gravitational_constant += T::of(over(p.gravitational_constant));
        for k in 0..3 {
            let total = |bar: &Array2<T>| T::of(bar.column(k).iter().map(|x| x.f64()).sum());
            p_bar.position[k] += total(&bar.position);
            p_bar.velocity[k] += total(&bar.velocity);
        }
        Ok(())
    }
}
