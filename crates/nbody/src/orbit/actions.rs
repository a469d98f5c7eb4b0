//! Actions by the Staeckel fudge.

use std::f64::consts::{FRAC_PI_2, PI};

use adastra_core::{Error, Result};

use super::dot;
use crate::{Galaxy, GalaxyParams, NBodyError};

/// The actions of an orbit in an axisymmetric potential with a plane of symmetry, in kpc km/s, by
/// the Staeckel fudge (Binney 2012, MNRAS 426, 1324): in prolate spheroidal coordinates
/// `R = D sinh u sin v`, `z = D cosh u cos v`, the motions along u and v are taken to be separate,
/// as they are in the potentials of Staeckel.
///
/// For the potential of a galaxy the actions vary along an orbit by a few percent, least for
/// orbits near the plane; in a spherical potential they are right to four digits. The potential is
/// taken along the meridian of the particle, so a potential that is not axisymmetric gives what one
/// that were like that meridian all around would.
///
/// ```
/// use adastra_nbody::{Actions, Galaxy, GalaxyParams, MiyamotoNagai, Nfw};
///
/// let galaxy = Galaxy::new().with(Nfw).with(MiyamotoNagai);
/// let p = GalaxyParams::new([4.37e11, 16.0, 6.8e10, 3.0, 0.28]);
/// let sun = Actions::of(&galaxy, &p, [8.1, 0.0, 0.02], [-11.0, 220.0, 7.0])?;
/// assert!((sun.azimuthal - 8.1 * 220.0).abs() < 1e-9);
/// assert!(sun.radial < 50.0 && sun.vertical < 1.0);
/// # Ok::<(), adastra_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Actions {
    /// Radial action J_R.
    pub radial: f64,
    /// Azimuthal action, the angular momentum L_z about the axis.
    pub azimuthal: f64,
    /// Vertical action J_z.
    pub vertical: f64,
    /// The focal distance D that was used, in kpc.
    pub focal_distance: f64,
}

/// The least focal distance over the distance from the centre: smaller ones, as those of spherical
/// potentials, lose digits and change nothing.
const LEAST: f64 = 1e-3;
/// Nodes in each integral; they converge exponentially, slowly where an orbit passes by the axis.
const NODES: usize = 160;
/// Beyond this many times its distance, an orbit that has not turned counts as unbound.
const FAR: f64 = 1e5;

impl Actions {
    /// Those of a position in kpc and a velocity in km/s, with the focal distance that the potential
    /// has there ([`Actions::focal_distance_at`]).
    ///
    /// # Errors
    /// As [`Actions::with_focal_distance`].
    pub fn of(
        galaxy: &Galaxy,
        p: &GalaxyParams<f64>,
        position: [f64; 3],
        velocity: [f64; 3],
    ) -> Result<Self> {
        let focal = Self::focal_distance_at(galaxy, p, position)?;
        Self::with_focal_distance(galaxy, p, position, velocity, focal)
    }

    /// The focal distance of the Staeckel potential that is like the given one at a position,
    /// by its second derivatives there (Sanders 2012, MNRAS 426, 128, equation 9), in kpc; zero
    /// where that would be imaginary. The mean over an orbit gives actions that vary
    /// least along it. On the plane and on the axis, where the formula is 0/0, it is taken at one
    /// percent of the distance from them.
    ///
    /// # Errors
    /// As those of [`Galaxy`].
    pub fn focal_distance_at(
        galaxy: &Galaxy,
        p: &GalaxyParams<f64>,
        position: [f64; 3],
    ) -> Result<f64> {
        let meridian = Meridian::new(galaxy, p, position);
        let distance = dot(position, position).sqrt();
        let r = meridian.radius.max(0.01 * distance);
        let z = position[2].abs().max(0.01 * distance);
        let local = galaxy.local(p, meridian.point(r, z))?;
        let [e_x, e_y] = meridian.direction;
        let tide = local.tidal_tensor;
        let slope_r = -(local.acceleration[0] * e_x + local.acceleration[1] * e_y);
        let slope_z = -local.acceleration[2];
        let in_plane = |i: usize| tide[i][0] * e_x + tide[i][1] * e_y;
        let second_r = -(e_x * in_plane(0) + e_y * in_plane(1));
        let (mixed, second_z) = (-in_plane(2), -tide[2][2]);
        let top = 3.0 * (z * slope_r - r * slope_z) + r * z * (second_r - second_z);
        let squared = z * z - r * r + top / mixed;
        Ok(if squared > 0.0 && squared.is_finite() {
            squared.sqrt()
        } else {
            0.0
        })
    }

    /// Those of a position in kpc and a velocity in km/s, with a focal distance in kpc.
    ///
    /// # Errors
    /// As those of [`Galaxy`]; [`NBodyError::Unbound`] for an orbit that does not return;
    /// [`NBodyError::Range`] for a focal distance below zero, and at the centre.
    pub fn with_focal_distance(
        galaxy: &Galaxy,
        p: &GalaxyParams<f64>,
        position: [f64; 3],
        velocity: [f64; 3],
        focal_distance: f64,
    ) -> Result<Self> {
        let distance = dot(position, position).sqrt();
        for (name, value, fine) in [
            ("focal distance", focal_distance, focal_distance >= 0.0),
            ("distance from the centre", distance, distance > 0.0),
        ] {
            if !(fine && value.is_finite()) {
                return Err(Error::operator(
                    "actions",
                    NBodyError::Range {
                        name: name.to_owned(),
                        value,
                        allowed: "finite, and 0 or above (the distance above 0)",
                    },
                ));
            }
        }
        let focal = focal_distance.max(LEAST * distance);
        let meridian = Meridian::new(galaxy, p, position);
        let [e_x, e_y] = meridian.direction;
        let speed = velocity[0] * e_x + velocity[1] * e_y;
        let momentum = position[0] * velocity[1] - position[1] * velocity[0];
        // By symmetry, above the plane.
        let (z, v_z) = match position[2] < 0.0 {
            true => (-position[2], -velocity[2]),
            false => (position[2], velocity[2]),
        };
        let energy = 0.5 * dot(velocity, velocity) + meridian.potential(meridian.radius, z)?;
        let fudge = Fudge::new(meridian, focal, energy, momentum, z, [speed, v_z])?;
        Ok(Self {
            radial: fudge.radial()?,
            azimuthal: momentum,
            vertical: fudge.vertical()?,
            focal_distance: focal,
        })
    }
}

/// The half plane through the axis and a particle.
struct Meridian<'a> {
    galaxy: &'a Galaxy,
    p: &'a GalaxyParams<f64>,
    radius: f64,
    direction: [f64; 2],
}

impl<'a> Meridian<'a> {
    fn new(galaxy: &'a Galaxy, p: &'a GalaxyParams<f64>, [x, y, _]: [f64; 3]) -> Self {
        let radius = x.hypot(y);
        let direction = match radius > 0.0 {
            true => [x / radius, y / radius],
            false => [1.0, 0.0],
        };
        Self {
            galaxy,
            p,
            radius,
            direction,
        }
    }

    fn point(&self, r: f64, z: f64) -> [f64; 3] {
        [r * self.direction[0], r * self.direction[1], z]
    }

    fn potential(&self, r: f64, z: f64) -> Result<f64> {
        Ok(self.galaxy.local(self.p, self.point(r, z))?.potential)
    }
}

/// The separate motions along u and v, from the point (u, v) of the particle.
struct Fudge<'a> {
    meridian: Meridian<'a>,
    focal: f64,
    energy: f64,
    momentum: f64,
    u: f64,
    v: f64,
    /// Squared momenta there.
    squares: [f64; 2],
    /// The potential there times sinh^2 u + sin^2 v.
    weighted: f64,
}

impl<'a> Fudge<'a> {
    fn new(
        meridian: Meridian<'a>,
        focal: f64,
        energy: f64,
        momentum: f64,
        z: f64,
        [v_r, v_z]: [f64; 2],
    ) -> Result<Self> {
        let r = meridian.radius;
        // cosh u and cos v from the distances to the foci.
        let (far, near) = (r.hypot(z + focal), r.hypot(z - focal));
        let cosh = (0.5 * (far + near) / focal).max(1.0);
        let cos = (z / (focal * cosh)).clamp(-1.0, 1.0);
        let (u, v) = (cosh.acosh(), cos.acos());
        let (sinh, sin) = (u.sinh(), v.sin());
        let along_u = focal * (v_r * cosh * sin + v_z * sinh * cos);
        let along_v = focal * (v_r * sinh * cos - v_z * cosh * sin);
        let weighted = (sinh * sinh + sin * sin) * meridian.potential(r, z)?;
        Ok(Self {
            meridian,
            focal,
            energy,
            momentum,
            u,
            v,
            squares: [along_u * along_u, along_v * along_v],
            weighted,
        })
    }

    fn weighted_at(&self, u: f64, v: f64) -> Result<f64> {
        let (sinh, sin) = (u.sinh(), v.sin());
        let (r, z) = (self.focal * sinh * sin, self.focal * u.cosh() * v.cos());
        Ok((sinh * sinh + sin * sin) * self.meridian.potential(r, z)?)
    }

    /// p_u^2, with the change of U from u on along the line v = const.
    fn along_u(&self, u: f64) -> Result<f64> {
        let (now, then) = (self.u.sinh().powi(2), u.sinh().powi(2));
        let change = self.weighted_at(u, self.v)? - self.weighted;
        let barrier = match self.momentum == 0.0 {
            true => 0.0,
            false => self.momentum * self.momentum * (1.0 / then - 1.0 / now),
        };
        let twice = 2.0 * self.focal * self.focal;
        Ok(self.squares[0] + twice * (self.energy * (then - now) - change) - barrier)
    }

    /// p_v^2, with the change of V from v on along the line u = const.
    fn along_v(&self, v: f64) -> Result<f64> {
        let (now, then) = (self.v.sin().powi(2), v.sin().powi(2));
        let change = self.weighted_at(self.u, v)? - self.weighted;
        let barrier = match self.momentum == 0.0 {
            true => 0.0,
            false => self.momentum * self.momentum * (1.0 / then - 1.0 / now),
        };
        let twice = 2.0 * self.focal * self.focal;
        Ok(self.squares[1] + twice * (self.energy * (then - now) - change) - barrier)
    }

    /// `J_R = (1/pi) int p_u du` between the turning points.
    fn radial(&self) -> Result<f64> {
        let square = |u: f64| self.along_u(u);
        let least = turning(square, self.u, 0.0)?.unwrap_or(0.0);
        let far = (FAR * self.u.cosh()).acosh();
        let Some(most) = turning(square, self.u, far)? else {
            return Err(Error::operator(
                "actions",
                NBodyError::Unbound {
                    energy: self.energy,
                },
            ));
        };
        let (middle, half) = (0.5 * (least + most), 0.5 * (most - least));
        let mut sum = 0.0;
        for i in 0..NODES {
            let angle = PI * (i as f64 + 0.5) / NODES as f64;
            let p = square(middle - half * angle.cos())?.max(0.0).sqrt();
            sum += p * half * angle.sin();
        }
        Ok(sum / NODES as f64)
    }

    /// `J_z = (2/pi) int p_v dv` from the turning point to the plane.
    fn vertical(&self) -> Result<f64> {
        let square = |v: f64| self.along_v(v);
        let least = turning(square, self.v, 0.0)?.unwrap_or(0.0);
        let half = FRAC_PI_2 - least;
        let mut sum = 0.0;
        for i in 0..NODES {
            let angle = FRAC_PI_2 * (i as f64 + 0.5) / NODES as f64;
            let p = square(FRAC_PI_2 - half * angle.cos())?.max(0.0).sqrt();
            sum += p * half * angle.sin();
        }
        Ok(sum / NODES as f64)
    }
}

/// Where a squared momentum, not below zero at `from`, falls to zero on the way to `to`, if it
/// does before the end. The way is searched in steps that double.
fn turning(square: impl Fn(f64) -> Result<f64>, from: f64, to: f64) -> Result<Option<f64>> {
    let length = (to - from).abs();
    let at = |way: f64| from + (to - from).signum() * way;
    let (mut inside, mut way) = (0.0, 1e-7f64.min(length));
    while way < length {
        if !(square(at(way))? > 0.0) {
            let mut outside = way;
            for _ in 0..60 {
                let middle = 0.5 * (inside + outside);
                if square(at(middle))? > 0.0 {
                    inside = middle;
                } else {
                    outside = middle;
                }
            }
            return Ok(Some(at(inside)));
        }
        inside = way;
        way *= 2.0;
    }
    Ok(None)
}
