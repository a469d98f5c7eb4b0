//! Where and how stars leave their progenitor.

use adastra_core::dual::{Pointwise, Scalar};
use adastra_core::{Error, Result};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::random::normal;
use crate::{Galaxy, GalaxyParams, NBodyError};

/// How a star leaves, drawn once and for all: its distance in tidal radii, and angles in radians.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Draw {
    /// One for the trailing tail, minus one for the leading one.
    tail: f64,
    distance: f64,
    /// Longitude and latitude of the place, in the plane of the orbit.
    place: [f64; 2],
    /// Those of the velocity.
    motion: [f64; 2],
}

/// Degrees.
const DEGREES: f64 = std::f64::consts::PI / 180.0;

impl Draw {
    /// From the normal distribution of Chen et al. (2025): the distance is correlated
    /// with the longitude of the velocity, and all else is independent.
    pub(super) fn new(tail: f64, rng: &mut Xoshiro256PlusPlus) -> Self {
        const DISTANCE: [f64; 2] = [1.6, 0.35];
        /// Covariance of distance and longitude of the velocity, in degrees.
        const COVARIANCE: f64 = -4.9;
        /// Variance of the latter, in square degrees.
        const VARIANCE: f64 = 400.0;
        // A distance of zero lies four and a half standard deviations off; the star would be at
        // the centre.
        let z = loop {
            let z = normal(rng);
            if DISTANCE[0] + DISTANCE[1] * z > 0.1 {
                break z;
            }
        };
        let slope = COVARIANCE / DISTANCE[1];
        let rest = (VARIANCE - slope * slope).sqrt();
        let mut angle = |mean: f64, sigma: f64| DEGREES * (mean + sigma * normal(rng));
        Self {
            tail,
            distance: DISTANCE[0] + DISTANCE[1] * z,
            place: [angle(-30.0, 23.0), angle(0.0, 12.0)],
            motion: [angle(20.0 + slope * z, rest), angle(0.0, 22.0)],
        }
    }
}

/// What the release of a star depends on: position and velocity of the progenitor, G M, and the
/// second derivative of the potential along the radius.
pub(super) const INPUTS: usize = 8;

/// Position and velocity of a released star, contracted with weights.
struct Weighted {
    draw: Draw,
    weights: [f64; 6],
}

fn cross<D: Scalar>(a: [D; 3], b: [D; 3]) -> [D; 3] {
    std::array::from_fn(|k| {
        let (e, f) = ((k + 1) % 3, (k + 2) % 3);
        a[e] * b[f] - a[f] * b[e]
    })
}

fn length<D: Scalar>(a: [D; 3]) -> D {
    (a[0] * a[0] + a[1] * a[1] + a[2] * a[2]).sqrt()
}

/// The cube of the tidal radius, `G M / (Omega^2 - d^2 Phi/dr^2)` with Omega = L/r^2 (King 1962,
/// AJ 67, 471).
fn tidal_cube<D: Scalar>([x, y, z, u, v, w, gm, second]: [D; INPUTS]) -> D {
    let (x, v) = ([x, y, z], [u, v, w]);
    let r = length(x);
    let omega = length(cross(x, v)) / (r * r);
    gm / (omega * omega - second)
}

/// Position and velocity of a released star.
fn released<D: Scalar>(draw: &Draw, q: [D; INPUTS]) -> [D; 6] {
    let (x, v, gm) = ([q[0], q[1], q[2]], [q[3], q[4], q[5]], q[6]);
    let momentum = cross(x, v);
    let (r, l) = (length(x), length(momentum));
    // Along the radius, along the motion, along the angular momentum.
    let first = x.map(|x| x / r);
    let third = momentum.map(|l_k| l_k / l);
    let second = cross(third, first);
    let distance = tidal_cube(q).cbrt() * draw.distance;
    let speed = (gm * 2.0 / distance).sqrt();
    let along = |[longitude, latitude]: [f64; 2]| {
        let (sin, cos) = longitude.sin_cos();
        let (up, across) = latitude.sin_cos();
        let parts = [draw.tail * across * cos, draw.tail * across * sin, up];
        move |k: usize| first[k] * parts[0] + second[k] * parts[1] + third[k] * parts[2]
    };
    let (place, motion) = (along(draw.place), along(draw.motion));
    std::array::from_fn(|k| match k {
        0..3 => x[k] + distance * place(k),
        _ => v[k - 3] + speed * motion(k - 3),
    })
}

impl Pointwise<INPUTS> for Weighted {
    fn eval<D: Scalar>(&self, _: &[D], q: [D; INPUTS]) -> D {
        let star = released(&self.draw, q);
        let terms = star.into_iter().zip(self.weights);
        terms.fold(D::from(0.0), |sum, (y, w)| sum + y * w)
    }
}

/// Half the distance, over the radius, of the two points whose accelerations tell the second
/// derivative of the potential. The error is its square times the third power of the radius
/// over the scales of the potential, and 1e-16 over it.
const OFFSET: f64 = 1e-4;

/// The progenitor in a galaxy at the moment of a release, in f64.
pub(super) struct Moment<'a> {
    galaxy: &'a Galaxy,
    p: GalaxyParams<f64>,
    inputs: [f64; INPUTS],
    /// Accelerations outside and inside, and the points where they act.
    difference: [f64; 3],
    points: [f64; 6],
}

/// Cotangents of what a release depends on.
#[derive(Default)]
pub(super) struct MomentBar {
    pub(super) progenitor: [f64; 6],
    pub(super) gm: f64,
}

impl<'a> Moment<'a> {
    /// `progenitor` holds position and velocity.
    pub(super) fn new(
        galaxy: &'a Galaxy,
        p: GalaxyParams<f64>,
        progenitor: [f64; 6],
        gm: f64,
    ) -> Result<Self> {
        let x: [f64; 3] = std::array::from_fn(|k| progenitor[k]);
        let points = std::array::from_fn(|k| x[k % 3] * (1.0 + [OFFSET, -OFFSET][k / 3]));
        let mut a = [[0.0; 3]; 2];
        galaxy.accelerate(&p, &points, &mut a)?;
        let difference: [f64; 3] = std::array::from_fn(|k| a[0][k] - a[1][k]);
        let r2: f64 = x.iter().map(|x| x * x).sum();
        let product: f64 = (0..3).map(|k| x[k] * difference[k]).sum();
        let second = -product / (2.0 * OFFSET * r2);
        let mut inputs = [0.0; INPUTS];
        inputs[..6].copy_from_slice(&progenitor);
        inputs[6] = gm;
        inputs[7] = second;
        let cube = tidal_cube(inputs);
        if !(cube > 0.0 && cube.is_finite()) {
            return Err(Error::operator(
                "particle spray",
                NBodyError::NoTidalRadius { position: x },
            ));
        }
        Ok(Self {
            galaxy,
            p,
            inputs,
            difference,
            points,
        })
    }

    /// Position and velocity of a star.
    pub(super) fn star(&self, draw: &Draw) -> [f64; 6] {
        released(draw, self.inputs)
    }

    /// What the cotangents of stars are pulled back to; those of the galaxy are added.
    pub(super) fn pull_back<'b>(
        &self,
        stars: impl Iterator<Item = (&'b Draw, [f64; 6])>,
        p_bar: &mut GalaxyParams<f64>,
    ) -> Result<MomentBar> {
        let mut bars = [0.0; INPUTS];
        for (&draw, weights) in stars {
            let (_, slope) = Weighted { draw, weights }.value_gradient(&[], self.inputs);
            bars.iter_mut().zip(slope).for_each(|(bar, d)| *bar += d);
        }
        let x = &self.inputs[..3];
        let r2: f64 = x.iter().map(|x| x * x).sum();
        let [second, second_bar] = [self.inputs[7], bars[7]];
        let scale = -second_bar / (2.0 * OFFSET * r2);
        let w: [[f64; 3]; 2] =
            std::array::from_fn(|i| std::array::from_fn(|k| [scale, -scale][i] * x[k]));
        let (mut a, mut points_bar) = ([[0.0; 3]; 2], [[0.0; 3]; 2]);
        self.galaxy
            .pull_back(&self.p, &self.points, &w, &mut a, &mut points_bar, p_bar)?;
        let mut bar = MomentBar {
            gm: bars[6],
            ..MomentBar::default()
        };
        bar.progenitor.copy_from_slice(&bars[..6]);
        for k in 0..3 {
            bar.progenitor[k] += scale * self.difference[k];
            bar.progenitor[k] -= second_bar * second * 2.0 * x[k] / r2;
            bar.progenitor[k] += (1.0 + OFFSET) * points_bar[0][k];
            bar.progenitor[k] += (1.0 - OFFSET) * points_bar[1][k];
        }
        Ok(bar)
    }

    /// The derivative of all inputs along a direction of progenitor, G M and galaxy.
    pub(super) fn push_forward(
        &self,
        dp: &GalaxyParams<f64>,
        dprogenitor: [f64; 6],
        dgm: f64,
    ) -> Result<[f64; INPUTS]> {
        let dpoints: [f64; 6] =
            std::array::from_fn(|k| dprogenitor[k % 3] * (1.0 + [OFFSET, -OFFSET][k / 3]));
        let (mut a, mut da) = ([[0.0; 3]; 2], [[0.0; 3]; 2]);
        let points = (&self.points[..], &dpoints[..]);
        self.galaxy
            .push_forward(&self.p, dp, points, &mut a, &mut da)?;
        let x = &self.inputs[..3];
        let r2: f64 = x.iter().map(|x| x * x).sum();
        let mut dsecond = 0.0;
        for k in 0..3 {
            let moved = dprogenitor[k] * self.difference[k] + x[k] * (da[0][k] - da[1][k]);
            dsecond -= moved / (2.0 * OFFSET * r2);
            dsecond -= self.inputs[7] * 2.0 * x[k] * dprogenitor[k] / r2;
        }
        let mut d = [0.0; INPUTS];
        d[..6].copy_from_slice(&dprogenitor);
        d[6] = dgm;
        d[7] = dsecond;
        Ok(d)
    }

    /// The derivative of a star's position and velocity along a direction of the inputs.
    pub(super) fn dstar(&self, &draw: &Draw, d: &[f64; INPUTS]) -> [f64; 6] {
        std::array::from_fn(|k| {
            let mut weights = [0.0; 6];
            weights[k] = 1.0;
            let (_, slope) = Weighted { draw, weights }.value_gradient(&[], self.inputs);
            slope.iter().zip(d).map(|(a, b)| a * b).sum()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Logarithmic, PointMass};

    #[test]
    fn tidal_radii_are_known_ones() {
        // On a circle about a point mass: r (m / 3 M)^(1/3).
        let at = |galaxy: &Galaxy, values: &[f64], v: f64| {
            let p = GalaxyParams {
                gravitational_constant: 1.0,
                ..GalaxyParams::new(values.iter().copied())
            };
            let progenitor = [3.0, 0.0, 0.0, 0.0, v * 0.8, v * 0.6];
            let moment = Moment::new(galaxy, p, progenitor, 1e-3).unwrap();
            tidal_cube(moment.inputs).cbrt()
        };
        let point = at(
            &Galaxy::new().with(PointMass),
            &[2.0],
            (2.0f64 / 3.0).sqrt(),
        );
        assert!(
            (point / (3.0 * (1e-3f64 / 6.0).cbrt()) - 1.0).abs() < 1e-7,
            "{point}"
        );
        // With a flat circular velocity: (m / 2 Omega^2)^(1/3).
        let flat = at(&Galaxy::new().with(Logarithmic), &[1.5, 0.0, 1.0], 1.5);
        assert!((flat / (1e-3f64 / 0.5).cbrt() - 1.0).abs() < 1e-7, "{flat}");
    }
}
