//! Initial conditions: exponential disks.

use adastra_core::dual::{Pointwise, Scalar};
use adastra_core::{Adjoint, Error, Operator, Real, Result, State, Tangent, state};
use adastra_particles::ParticleState;
use ndarray::{Array1, Array2};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;

use crate::arrays::{shape, state as checked_state};
use crate::random::{normal, uniform};
use crate::{Galaxy, GalaxyParams, NBodyError};

state! {
    /// Parameters of a [`Disk`].
    #[derive(Debug, PartialEq)]
    pub struct DiskParams<T> {
        /// Those of the whole potential in which the disk is, its own included.
        pub galaxy: GalaxyParams<T>,
        /// Mass that the particles share, in Msun.
        pub mass: T,
        /// Scale length R_d, in kpc.
        pub scale_length: T,
        /// Scale height z_0, in kpc.
        pub scale_height: T,
        /// Radial velocity dispersion at the scale length, in km/s; zero for a cold disk.
        pub dispersion: T,
    }
}

/// A disk of particles with `rho ~ exp(-R/R_d) sech^2(z/z_0)` in a given galaxy, in approximate
/// equilibrium: velocities are Gaussian, with the moments of nearly circular orbits (Hernquist 1993,
/// ApJS 86, 389; Binney & Tremaine 2008, section 4.8.2),
///
/// ```text
/// sigma_R^2 = sigma^2 exp(1 - R/R_d),   sigma_phi^2 = sigma_R^2 kappa^2 / (4 Omega^2)
/// <v_phi>^2 = v_c^2 + sigma_R^2 (1 - kappa^2 / (4 Omega^2) - 2 R/R_d)
/// sigma_z^2 = <z dPhi/dz>
/// ```
///
/// where the last mean, over the vertical profile at the radius, is the virial theorem of the
/// vertical motion. So a thin and a thick disk differ in their scale heights alone.
///
/// This is no distribution function: a real disk of finite dispersion is skew in v_phi, and the
/// moments hold for sigma_R well below v_c. A warm disk settles within a few orbits, by some percent
/// in its radii and heights; towards the centre, where sigma_R and v_c meet and the mean motion is
/// cut off at zero, by more.
///
/// The draw fixes radii in R_d, heights in z_0, azimuths and normal deviates; as an operator, without
/// input, it gives the particles, differentiable by all of [`DiskParams`], the galaxy's parameters
/// included. Accelerations are taken at the azimuth of each particle, and their slope from
/// points one part in 1e4 of the radius apart.
///
/// # Errors
/// Those of [`Galaxy`]; [`NBodyError::Range`] for a mass, scale length or scale height that is not
/// above zero, a negative dispersion, and where the potential pulls outwards or has no epicycles.
///
/// ```
/// use adastra_core::Operator;
/// use adastra_nbody::*;
///
/// let galaxy = Galaxy::new().with(Nfw).with(MiyamotoNagai);
/// let p = DiskParams {
///     galaxy: GalaxyParams::new([4.37e11, 16.0, 6.8e10, 3.0, 0.28]),
///     mass: 4e10,
///     scale_length: 2.6,
///     scale_height: 0.3,
///     dispersion: 50.0,
/// };
/// let disk = Disk::exponential(1000, galaxy, 6.0, 1)?.apply(&p, ())?;
/// let height = disk.position.column(2).mapv(|z: f64| z.abs()).mean().unwrap();
/// // That of sech^2 is z_0 ln 2.
/// assert!((height / (0.3 * 2f64.ln()) - 1.0).abs() < 0.1);
/// # Ok::<(), adastra_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Disk {
    galaxy: Galaxy,
    draws: Vec<Draw>,
}

/// What is drawn for a particle.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Draw {
    /// Radius in scale lengths, height in scale heights.
    place: [f64; 2],
    /// Cosine and sine of the azimuth.
    azimuth: [f64; 2],
    /// Normal deviates along R, phi and z.
    motion: [f64; 3],
}

/// Nodes and weights of Gauss's quadrature with six nodes on [0, 1], over the mass of half a
/// vertical profile.
const GAUSS: [[f64; 2]; 6] = [
    [0.033_765_242_898_423_98, 0.085_662_246_189_585_17],
    [0.169_395_306_766_867_74, 0.180_380_786_524_069_3],
    [0.380_690_406_958_401_56, 0.233_956_967_286_345_53],
    [0.619_309_593_041_598_4, 0.233_956_967_286_345_53],
    [0.830_604_693_233_132_2, 0.180_380_786_524_069_3],
    [0.966_234_757_101_576, 0.085_662_246_189_585_17],
];
/// Relative distance of the points that tell the slope of the radial acceleration.
const OFFSET: f64 = 1e-4;
/// Points where a particle asks for the acceleration: three along R, and those above each other.
const POINTS: usize = 3 + GAUSS.len();
/// What a particle depends on: accelerations, scale length, scale height, dispersion.
const INPUTS: usize = POINTS + 3;

impl Draw {
    /// The points, in scale lengths along R and scale heights along z.
    fn points(&self) -> [[f64; 2]; POINTS] {
        std::array::from_fn(|i| {
            let r = self.place[0];
            match i {
                0 => [r, 0.0],
                1 => [r * (1.0 + OFFSET), 0.0],
                2 => [r * (1.0 - OFFSET), 0.0],
                // The height within which a part of the mass is.
                _ => [r, GAUSS[i - 3][0].atanh()],
            }
        })
    }

    /// The direction along which the acceleration at a point counts.
    fn direction(&self, point: usize) -> [f64; 3] {
        let [cos, sin] = self.azimuth;
        if point < 3 {
            [cos, sin, 0.0]
        } else {
            [0.0, 0.0, 1.0]
        }
    }

    /// Squares of the circular speed, and of kappa / (2 Omega).
    fn rotation<D: Scalar>(&self, q: &[D; INPUTS]) -> [D; 2] {
        let r = q[POINTS] * self.place[0];
        let slope = (q[1] - q[2]) / (2.0 * OFFSET);
        // kappa^2 = -da/dR - 3 a/R, Omega^2 = -a/R
        let ratio = (slope / q[0] + 3.0) * 0.25;
        [-q[0] * r, ratio]
    }

    /// The square of the vertical dispersion.
    fn vertical<D: Scalar>(&self, q: &[D; INPUTS]) -> D {
        let mut sum = q[0] * 0.0;
        for (i, [node, weight]) in GAUSS.into_iter().enumerate() {
            sum -= q[3 + i] * q[POINTS + 1] * (weight * node.atanh());
        }
        sum
    }

    /// Position and velocity.
    fn particle<D: Scalar>(&self, q: &[D; INPUTS]) -> [D; 6] {
        let [length, height, sigma] = [q[POINTS], q[POINTS + 1], q[POINTS + 2]];
        let [x, z] = self.place;
        let [circular, ratio] = self.rotation(q);
        let radial = sigma * (0.5 * (1.0 - x)).exp();
        let drift = radial * radial * (-ratio + 1.0 - 2.0 * x);
        let mean = circular + drift;
        let mean = if mean.re() > 0.0 {
            mean.sqrt()
        } else {
            mean * 0.0
        };
        let [u, v, w] = self.motion;
        let (v_r, v_phi) = (radial * u, mean + radial * ratio.sqrt() * v);
        let v_z = self.vertical(q).sqrt() * w;
        let [cos, sin] = self.azimuth;
        [
            length * (x * cos),
            length * (x * sin),
            height * z,
            v_r * cos - v_phi * sin,
            v_r * sin + v_phi * cos,
            v_z,
        ]
    }
}

/// Position and velocity of a particle, contracted with weights.
struct Weighted {
    draw: Draw,
    weights: [f64; 6],
}

impl Pointwise<INPUTS> for Weighted {
    fn eval<D: Scalar>(&self, _: &[D], q: [D; INPUTS]) -> D {
        let particle = self.draw.particle(&q);
        let terms = particle.into_iter().zip(self.weights);
        terms.fold(D::from(0.0), |sum, (y, w)| sum + y * w)
    }
}

fn range(name: &str, value: f64, allowed: &'static str) -> Error {
    Error::operator(
        "disk",
        NBodyError::Range {
            name: name.to_owned(),
            value,
            allowed,
        },
    )
}

impl Disk {
    /// `n` particles within `truncation` scale lengths.
    ///
    /// # Errors
    /// [`NBodyError::Range`] unless there is a particle and `truncation` is above zero.
    pub fn exponential(n: usize, galaxy: Galaxy, truncation: f64, seed: u64) -> Result<Self> {
        if n == 0 {
            return Err(range("n", 0.0, "at least 1"));
        }
        if !(truncation > 0.0 && truncation.is_finite()) {
            return Err(range("truncation", truncation, "above 0, and finite"));
        }
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        // 1 - (1 + x) e^-x
        let within = |x: f64| -(-x).exp_m1() - x * (-x).exp();
        let most = within(truncation);
        let one = |_| {
            let mass = most * (1.0 - uniform(&mut rng));
            let (mut low, mut high) = (0.0, truncation);
            for _ in 0..60 {
                let middle = 0.5 * (low + high);
                if within(middle) < mass {
                    low = middle;
                } else {
                    high = middle;
                }
            }
            // In (-1, 1).
            let u = 1.0 - uniform(&mut rng) - 0.5 * f64::EPSILON;
            let sign = if uniform(&mut rng) < 0.5 { -1.0 } else { 1.0 };
            let (sin, cos) = (std::f64::consts::TAU * uniform(&mut rng)).sin_cos();
            Draw {
                place: [high, sign * u.atanh()],
                azimuth: [cos, sin],
                motion: [(); 3].map(|()| normal(&mut rng)),
            }
        };
        Ok(Self {
            galaxy,
            draws: (0..n).map(one).collect(),
        })
    }

    /// The same draw in another galaxy.
    #[must_use]
    pub fn in_galaxy(mut self, galaxy: Galaxy) -> Self {
        self.galaxy = galaxy;
        self
    }

    /// Number of particles.
    pub fn len(&self) -> usize {
        self.draws.len()
    }

    /// Whether there are no particles, which is never so.
    pub fn is_empty(&self) -> bool {
        self.draws.is_empty()
    }

    /// Where accelerations are asked for, for lengths of the two scales.
    fn points(&self, length: f64, height: f64) -> Vec<f64> {
        let mut all = Vec::with_capacity(3 * POINTS * self.len());
        for draw in &self.draws {
            let [cos, sin] = draw.azimuth;
            for [r, z] in draw.points() {
                all.extend([length * r * cos, length * r * sin, height * z]);
            }
        }
        all
    }

    /// The inputs of each particle, from the accelerations along their directions.
    fn gather<'a>(
        &'a self,
        a: &'a [[f64; 3]],
        scales: [f64; 3],
    ) -> impl Iterator<Item = (&'a Draw, [f64; INPUTS])> {
        let each = a.chunks_exact(POINTS);
        self.draws.iter().zip(each).map(move |(draw, a)| {
            let inputs = std::array::from_fn(|i| match i.checked_sub(POINTS) {
                Some(i) => scales[i],
                None => {
                    let e = draw.direction(i);
                    (0..3).map(|k| e[k] * a[i][k]).sum()
                }
            });
            (draw, inputs)
        })
    }

    /// The inputs of all particles, checked.
    fn inputs<T: Real>(&self, p: &DiskParams<T>) -> Result<Vec<(Draw, [f64; INPUTS])>> {
        let scales = [p.scale_length, p.scale_height, p.dispersion].map(|x| x.f64());
        let positive = [
            ("mass", p.mass.f64()),
            ("scale_length", scales[0]),
            ("scale_height", scales[1]),
        ];
        for (name, value) in positive {
            if !(value > 0.0 && value.is_finite()) {
                return Err(range(name, value, "above 0"));
            }
        }
        if !(scales[2] >= 0.0 && scales[2].is_finite()) {
            return Err(range("dispersion", scales[2], "0 or above"));
        }
        let mut a = vec![[0.0; 3]; POINTS * self.len()];
        let points = self.points(scales[0], scales[1]);
        self.galaxy
            .accelerate(&in_f64(&p.galaxy), &points, &mut a)?;
        let inputs: Vec<_> = self.gather(&a, scales).map(|(d, q)| (*d, q)).collect();
        for (draw, q) in &inputs {
            let [circular, ratio] = draw.rotation(q);
            for (name, value, allowed) in [
                (
                    "squared circular speed",
                    circular,
                    "above 0 wherever the disk is",
                ),
                (
                    "squared epicycle frequency over that of rotation",
                    4.0 * ratio,
                    "above 0 wherever the disk is",
                ),
                (
                    "squared vertical dispersion",
                    draw.vertical(q),
                    "above 0 wherever the disk is",
                ),
            ] {
                if !(value > 0.0) {
                    return Err(range(name, value, allowed));
                }
            }
        }
        Ok(inputs)
    }

    fn assemble<T: Real>(
        &self,
        rows: impl Iterator<Item = [f64; 6]>,
        mass: f64,
    ) -> ParticleState<T> {
        let n = self.len();
        let mut x = ParticleState {
            position: Array2::zeros((n, 3)),
            velocity: Array2::zeros((n, 3)),
            mass: Array1::from_elem(n, T::of(mass / n as f64)),
        };
        for (i, row) in rows.enumerate() {
            for k in 0..3 {
                x.position[[i, k]] = T::of(row[k]);
                x.velocity[[i, k]] = T::of(row[k + 3]);
            }
        }
        x
    }
}

fn in_f64<T: Real>(p: &GalaxyParams<T>) -> GalaxyParams<f64> {
    GalaxyParams {
        gravitational_constant: p.gravitational_constant.f64(),
        time: p.time.f64(),
        values: p.values.mapv(T::f64),
    }
}

impl<T: Real> Operator<T> for Disk {
    type Params = DiskParams<T>;
    type In = ();
    type Out = ParticleState<T>;

    fn apply(&self, p: &DiskParams<T>, (): ()) -> Result<ParticleState<T>> {
        let inputs = self.inputs(p)?;
        let rows = inputs.iter().map(|(draw, q)| draw.particle(q));
        Ok(self.assemble(rows, p.mass.f64()))
    }
}

impl<T: Real> Tangent<T> for Disk {
    fn jvp(
        &self,
        p: &DiskParams<T>,
        dp: &DiskParams<T>,
        (): (),
        (): (),
    ) -> Result<(ParticleState<T>, ParticleState<T>)> {
        let inputs = self.inputs(p)?;
        let [length, height] = [p.scale_length.f64(), p.scale_height.f64()];
        let dscales = [dp.scale_length, dp.scale_height, dp.dispersion].map(|x| x.f64());
        let points = self.points(length, height);
        let dpoints = self.points(dscales[0], dscales[1]);
        let (mut a, mut da) = (
            vec![[0.0; 3]; POINTS * self.len()],
            vec![[0.0; 3]; POINTS * self.len()],
        );
        let (q, dq) = (in_f64(&p.galaxy), in_f64(&dp.galaxy));
        let along = (&points[..], &dpoints[..]);
        self.galaxy.push_forward(&q, &dq, along, &mut a, &mut da)?;
        let rows = inputs.iter().zip(self.gather(&da, dscales));
        let rows = rows.map(|((draw, q), (_, dq))| {
            std::array::from_fn(|k| {
                let mut weights = [0.0; 6];
                weights[k] = 1.0;
                let (_, slope) = Weighted {
                    draw: *draw,
                    weights,
                }
                .value_gradient(&[], *q);
                slope.iter().zip(dq).map(|(a, b)| a * b).sum()
            })
        });
        let dx = self.assemble(rows, dp.mass.f64());
        Ok((self.apply(p, ())?, dx))
    }
}

impl<T: Real> Adjoint<T> for Disk {
    type Saved = ();

    fn record(&self, p: &DiskParams<T>, (): ()) -> Result<(ParticleState<T>, ())> {
        Ok((self.apply(p, ())?, ()))
    }

    fn vjp(
        &self,
        p: &DiskParams<T>,
        (): (),
        bar: ParticleState<T>,
        p_bar: &mut DiskParams<T>,
    ) -> Result<()> {
        let n = self.len();
        shape("cotangent of the disk", &[checked_state(&bar)?], &[n])?;
        let inputs = self.inputs(p)?;
        let mut scales_bar = [0.0; 3];
        let mut w = Vec::with_capacity(POINTS * n);
        for (i, (draw, q)) in inputs.iter().enumerate() {
            let weights = std::array::from_fn(|k| match k {
                0..3 => bar.position[[i, k]].f64(),
                _ => bar.velocity[[i, k - 3]].f64(),
            });
            let (_, slope) = Weighted {
                draw: *draw,
                weights,
            }
            .value_gradient(&[], *q);
            for point in 0..POINTS {
                w.push(draw.direction(point).map(|e| e * slope[point]));
            }
            (0..3).for_each(|k| scales_bar[k] += slope[POINTS + k]);
        }
        let [length, height] = [p.scale_length.f64(), p.scale_height.f64()];
        let points = self.points(length, height);
        let (mut a, mut points_bar) = (vec![[0.0; 3]; w.len()], vec![[0.0; 3]; w.len()]);
        let q = in_f64(&p.galaxy);
        let mut q_bar = State::<f64>::zeros_like(&q);
        self.galaxy
            .pull_back(&q, &points, &w, &mut a, &mut points_bar, &mut q_bar)?;
        // The points are in proportion to the two scales.
        for (x, bar) in points.chunks_exact(3).zip(&points_bar) {
            scales_bar[0] += (x[0] * bar[0] + x[1] * bar[1]) / length;
            scales_bar[1] += x[2] * bar[2] / height;
        }
        let mass_bar = bar.mass.iter().map(|m| m.f64()).sum::<f64>() / n as f64;
        p_bar.mass += T::of(mass_bar);
        p_bar.scale_length += T::of(scales_bar[0]);
        p_bar.scale_height += T::of(scales_bar[1]);
        p_bar.dispersion += T::of(scales_bar[2]);
        let galaxy = &mut p_bar.galaxy;
        galaxy.gravitational_constant += T::of(q_bar.gravitational_constant);
        galaxy.time += T::of(q_bar.time);
        let pairs = galaxy.values.iter_mut().zip(&q_bar.values);
        pairs.for_each(|(y, x)| *y += T::of(*x));
        Ok(())
    }
}
