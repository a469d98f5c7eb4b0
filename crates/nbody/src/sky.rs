//! What an observer in the Galaxy sees: angles, distances, proper motions, radial velocities.

use adastra_core::dual::{DualNum, Pointwise, Scalar};
use adastra_core::{Adjoint, Error, Operator, Real, Result, Tangent};
use adastra_particles::ParticleState;
use nalgebra::{Matrix3, Rotation3, Unit, Vector3};
use ndarray::{Array1, Array2};
use rayon::prelude::*;

use crate::NBodyError;
use crate::arrays::{dense, shape, state};

/// The Sun in the Galaxy.
///
/// Galactocentric axes are right-handed: x points from the Sun's place, projected onto the plane,
/// to the centre, y along the rotation of the disk at the Sun, z to the north galactic pole.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observer {
    /// Right ascension and declination of the Galactic centre (ICRS), in degrees.
    pub centre: [f64; 2],
    /// Distance of the Sun from the Galactic centre, in kpc.
    pub distance: f64,
    /// Height of the Sun above the plane, in kpc.
    pub height: f64,
    /// Velocity of the Sun, in km/s.
    pub velocity: [f64; 3],
}

impl Default for Observer {
    /// The defaults "v4.0" of astropy's frame `Galactocentric`: the centre of Reid & Brunthaler
    /// (2004, ApJ 616, 872), 8.122 kpc away (GRAVITY Collaboration 2018, A&A 615, L15), 20.8 pc
    /// (Bennett & Bovy 2019, MNRAS 482, 1417) and (12.9, 245.6, 7.78) km/s (Drimmel & Poggio 2018,
    /// RNAAS 2, 210).
    fn default() -> Self {
        Self {
            centre: [266.4051, -28.936175],
            distance: 8.122,
            height: 0.0208,
            velocity: [12.9, 245.6, 7.78],
        }
    }
}

/// Turns the axes, not the vectors, by an angle in radians about one of them.
fn turned(axis: Unit<Vector3<f64>>, angle: f64) -> Rotation3<f64> {
    Rotation3::from_axis_angle(&axis, -angle)
}

impl Observer {
    /// From equatorial axes at the Sun to those of the Galaxy.
    fn rotation(&self) -> Rotation3<f64> {
        // Position angle that brings the z axis to the north galactic pole of 1958.
        const ROLL: f64 = 58.598_632_030_6;
        let [ra, dec] = self.centre.map(f64::to_radians);
        let to_centre = turned(Vector3::y_axis(), -dec) * turned(Vector3::z_axis(), ra);
        self.tilt() * turned(Vector3::x_axis(), ROLL.to_radians()) * to_centre
    }

    /// The line of sight to the centre lies in the plane only for a Sun that does.
    fn tilt(&self) -> Rotation3<f64> {
        turned(Vector3::y_axis(), -(self.height / self.distance).asin())
    }
}

/// Matrix of Koposov, Rix & Hogg (2010, ApJ 712, 260), appendix: from equatorial axes to those of
/// the stream GD-1.
const GD1: [[f64; 3]; 3] = [
    [-0.477_630_308_8, -0.173_843_215_4, 0.861_189_772_7],
    [0.510_844_589, -0.852_444_922_9, 0.111_245_042],
    [0.714_777_653_6, 0.493_068_139_2, 0.495_960_397_6],
];

/// km/s per kpc and mas/yr: one astronomical unit a Julian year.
const SPEED_OF_PROPER_MOTION: f64 = 4.740_470_463_533_349;

/// Columns of the output of [`Sky`].
pub const SKY_COLUMNS: usize = 6;

/// Particles on the sky, as an operator from their state, in Galactocentric coordinates, to an
/// array of shape (n, 6):
///
/// | column | |
/// |---|---|
/// | 0 | longitude (right ascension, phi_1), in degrees |
/// | 1 | latitude (declination, phi_2), in degrees |
/// | 2 | distance, in kpc |
/// | 3 | proper motion in longitude times cos(latitude), in mas/yr |
/// | 4 | proper motion in latitude, in mas/yr |
/// | 5 | radial velocity, in km/s |
///
/// Motions are relative to the Sun: its own is taken off, and its reflex stays in the proper
/// motions. The derivative of the longitude is that of its smooth branch.
///
/// # Errors
/// [`Error::Shape`]; [`NBodyError::NoDirection`] for a particle at the observer, at a pole of the
/// frame, or not at a finite place.
///
/// ```
/// use adastra_core::Operator;
/// use adastra_nbody::{Observer, ParticleState, Sky};
/// use ndarray::array;
///
/// // A star at rest in the Galactic centre recedes from the Sun as fast as the Sun from it.
/// let star = ParticleState::<f64>::zeros(1);
/// let seen = Sky::icrs(&Observer::default()).apply(&(), star)?;
/// assert!((seen[[0, 0]] - 266.4051).abs() < 1e-9 && (seen[[0, 2]] - 8.122).abs() < 1e-12);
/// assert!((seen[[0, 5]] + 12.9).abs() < 0.1);
/// # Ok::<(), adastra_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sky {
    /// From Galactocentric axes to those of the frame.
    rotation: Matrix3<f64>,
    sun: [f64; 3],
    velocity: [f64; 3],
    /// The lowest longitude, in degrees.
    lowest: f64,
}

impl Sky {
    /// Right ascension in [0, 360) and declination, ICRS.
    pub fn icrs(observer: &Observer) -> Self {
        Self::new(observer, Matrix3::identity(), 0.0)
    }

    /// phi_1 in [-180, 180) and phi_2 along and across the stream GD-1 (Koposov et al. 2010).
    pub fn gd1(observer: &Observer) -> Self {
        Self::rotated(observer, GD1)
    }

    /// Longitude in [-180, 180) and latitude in a frame, given by the rotation from equatorial
    /// axes to its own.
    pub fn rotated(observer: &Observer, rotation: [[f64; 3]; 3]) -> Self {
        // Rows as they are written.
        Self::new(observer, Matrix3::from(rotation).transpose(), -180.0)
    }

    fn new(observer: &Observer, frame: Matrix3<f64>, lowest: f64) -> Self {
        let sun = observer.tilt() * Vector3::new(-observer.distance, 0.0, 0.0);
        Self {
            rotation: frame * observer.rotation().inverse(),
            sun: sun.into(),
            velocity: observer.velocity,
            lowest,
        }
    }

    /// The six columns of one particle, with the longitude in (-180, 180].
    fn see<D: Scalar>(&self, x: [D; 6]) -> [D; 6] {
        let turn = |x: [D; 3]| -> [D; 3] {
            let row = |i| {
                let r = self.rotation.row(i);
                x[0] * r[0] + x[1] * r[1] + x[2] * r[2]
            };
            std::array::from_fn(row)
        };
        let r = turn(std::array::from_fn(|k| x[k] - self.sun[k]));
        let v = turn(std::array::from_fn(|k| x[3 + k] - self.velocity[k]));
        let across2 = r[0] * r[0] + r[1] * r[1];
        let across = across2.sqrt();
        let distance2 = across2 + r[2] * r[2];
        let distance = distance2.sqrt();
        let outwards = r[0] * v[0] + r[1] * v[1];
        let along = (r[0] * v[1] - r[1] * v[0]) / (across * distance);
        let up = (v[2] * across2 - r[2] * outwards) / (across * distance2);
        [
            DualNum::atan2(&r[1], r[0]) * 1f64.to_degrees(),
            DualNum::atan2(&r[2], across) * 1f64.to_degrees(),
            distance,
            along / SPEED_OF_PROPER_MOTION,
            up / SPEED_OF_PROPER_MOTION,
            (outwards + r[2] * v[2]) / distance,
        ]
    }

    /// Calls `f(i, x)` with position and velocity of each particle, on threads.
    fn each<T: Real, R: Send>(
        x: &ParticleState<T>,
        f: impl Fn(usize, [f64; 6]) -> R + Send + Sync,
    ) -> Result<Vec<R>> {
        /// Particles that one task treats at least.
        const CHUNK: usize = 1024;
        let n = state(x)?;
        let (position, velocity) = (dense(&x.position), dense(&x.velocity));
        let row = |i: usize| {
            let of = |k: usize| {
                if k < 3 {
                    position[3 * i + k]
                } else {
                    velocity[3 * i + k - 3]
                }
            };
            f(i, std::array::from_fn(|k| of(k).f64()))
        };
        Ok((0..n)
            .into_par_iter()
            .with_min_len(CHUNK)
            .map(row)
            .collect())
    }
}

/// Weighted sum of what is seen, whose gradient is the adjoint.
struct Weighted<'a>(&'a Sky, [f64; 6]);

impl Pointwise<6> for Weighted<'_> {
    fn eval<D: Scalar>(&self, _: &[D], x: [D; 6]) -> D {
        let seen = self.0.see(x);
        (1..6).fold(seen[0] * self.1[0], |sum, k| sum + seen[k] * self.1[k])
    }
}

/// One column along a line, whose derivative is the tangent.
struct Along<'a> {
    sky: &'a Sky,
    from: [f64; 6],
    direction: [f64; 6],
    column: usize,
}

impl Pointwise<1> for Along<'_> {
    fn eval<D: Scalar>(&self, _: &[D], [way]: [D; 1]) -> D {
        let x = std::array::from_fn(|k| way * self.direction[k] + self.from[k]);
        self.sky.see(x)[self.column]
    }
}

fn table<T: Real>(rows: &[[f64; 6]]) -> Array2<T> {
    Array2::from_shape_fn((rows.len(), 6), |(i, k)| T::of(rows[i][k]))
}

impl<T: Real> Operator<T> for Sky {
    type Params = ();
    type In = ParticleState<T>;
    type Out = Array2<T>;

    fn apply(&self, (): &(), x: ParticleState<T>) -> Result<Array2<T>> {
        let mut rows = Self::each(&x, |_, x| self.see(x))?;
        for (particle, row) in rows.iter_mut().enumerate() {
            if row[0] < self.lowest {
                row[0] += 360.0;
            } else if row[0] >= self.lowest + 360.0 {
                row[0] -= 360.0;
            }
            if !row.iter().all(|x| x.is_finite()) {
                let position = std::array::from_fn(|k| x.position[[particle, k]].f64());
                let error = NBodyError::NoDirection { particle, position };
                return Err(Error::operator("sky", error));
            }
        }
        Ok(table(&rows))
    }
}

impl<T: Real> Tangent<T> for Sky {
    fn jvp(
        &self,
        (): &(),
        (): &(),
        x: ParticleState<T>,
        dx: ParticleState<T>,
    ) -> Result<(Array2<T>, Array2<T>)> {
        let directions = Self::each(&dx, |_, dx| dx)?;
        shape(
            "tangent of the particles",
            &[directions.len()],
            &[state(&x)?],
        )?;
        let tangent = Self::each(&x, |i, from| {
            std::array::from_fn(|column| {
                let direction = directions[i];
                let line = Along {
                    sky: self,
                    from,
                    direction,
                    column,
                };
                line.value_gradient(&[], [0.0]).1[0]
            })
        })?;
        Ok((self.apply(&(), x)?, table(&tangent)))
    }
}

impl<T: Real> Adjoint<T> for Sky {
    type Saved = ParticleState<T>;

    fn record(&self, (): &(), x: ParticleState<T>) -> Result<(Array2<T>, ParticleState<T>)> {
        Ok((self.apply(&(), x.clone())?, x))
    }

    fn vjp(
        &self,
        (): &(),
        x: ParticleState<T>,
        y_bar: Array2<T>,
        (): &mut (),
    ) -> Result<ParticleState<T>> {
        let n = state(&x)?;
        shape("cotangent of the sky", y_bar.shape(), &[n, SKY_COLUMNS])?;
        let weights = dense(&y_bar);
        let bars = Self::each(&x, |i, x| {
            let weights = std::array::from_fn(|k| weights[6 * i + k].f64());
            Weighted(self, weights).value_gradient(&[], x).1
        })?;
        let columns =
            |first: usize| Array2::from_shape_fn((n, 3), |(i, k)| T::of(bars[i][first + k]));
        Ok(ParticleState {
            position: columns(0),
            velocity: columns(3),
            mass: Array1::zeros(n),
        })
    }
}
