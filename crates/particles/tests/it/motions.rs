//! The motions of `Particles`, each as an operator on particles and gravity, under the gradient
//! checks; and the time-step limit.

use adastra_check as check;
use adastra_core::{Adjoint, Operator, Result, Reversible, State};
use adastra_gravity::{Matter, MatterAdjoint, MatterReversible};
use adastra_grid::{Gravity, Mesh};
use adastra_particles::{ParticleState, Particles};
use ndarray::{Array3, array};
use proptest::prelude::*;

use crate::common::{meshes, smooth_particles};

type Meshes = (Array3<f64>, Array3<f64>, Array3<f64>);
type Both = (ParticleState<f64>, Meshes);

fn gravity_of(mesh: &Mesh, (x, y, z): Meshes) -> Gravity<f64> {
    Gravity {
        potential: mesh.zeros(),
        acceleration: Some([x, y, z]),
    }
}

fn meshes_of(gravity: Gravity<f64>) -> Meshes {
    let [x, y, z] = gravity.acceleration.unwrap();
    (x, y, z)
}

/// Which motions, and for how long.
#[derive(Debug, Clone, Copy)]
enum Motion {
    Kick(f64),
    Drift(f64),
    KickDrift(f64, f64),
}

/// A motion that hands gravity through, so that its adjoint must add to a cotangent of it.
#[derive(Debug)]
struct Move(Particles, Motion);

impl Operator<f64> for Move {
    type Params = ();
    type In = Both;
    type Out = Both;
    fn apply(&self, p: &(), (mut x, a): Both) -> Result<Both> {
        let gravity = gravity_of(self.0.mesh(), a);
        match self.1 {
            Motion::Kick(dt) => self.0.kick(p, &mut x, &gravity, dt)?,
            Motion::Drift(dt) => self.0.drift(p, &mut x, dt)?,
            Motion::KickDrift(kick, drift) => {
                self.0.kick_drift(p, &mut x, &gravity, kick, drift)?;
            }
        }
        Ok((x, meshes_of(gravity)))
    }
}

impl Adjoint<f64> for Move {
    type Saved = Both;
    fn record(&self, p: &(), x: Both) -> Result<(Both, Both)> {
        Ok((self.apply(p, x.clone())?, x))
    }
    fn vjp(
        &self,
        (): &(),
        (mut x, a): Both,
        (mut x_bar, a_bar): Both,
        p_bar: &mut (),
    ) -> Result<Both> {
        let gravity = gravity_of(self.0.mesh(), a);
        let mut g_bar = gravity_of(self.0.mesh(), a_bar);
        match self.1 {
            Motion::Kick(dt) => {
                self.0
                    .kick_vjp(&(), &x, &gravity, dt, &mut x_bar, &mut g_bar, p_bar)?;
            }
            Motion::Drift(dt) => self.0.drift_vjp(&(), &x, dt, &mut x_bar, p_bar)?,
            Motion::KickDrift(kick, drift) => {
                let (x, g) = (&mut x, &gravity);
                self.0
                    .kick_drift_vjp(&(), x, g, kick, drift, &mut x_bar, &mut g_bar, p_bar)?;
            }
        }
        Ok((x_bar, meshes_of(g_bar)))
    }
}

impl Reversible<f64> for Move {
    fn invert(&self, p: &(), (mut x, a): Both) -> Result<Both> {
        let gravity = gravity_of(self.0.mesh(), a);
        if let Motion::Drift(dt) | Motion::KickDrift(_, dt) = self.1 {
            self.0.undrift(p, &mut x, dt)?;
        }
        if let Motion::Kick(dt) | Motion::KickDrift(dt, _) = self.1 {
            self.0.unkick(p, &mut x, &gravity, dt)?;
        }
        Ok((x, meshes_of(gravity)))
    }
    fn invert_vjp(
        &self,
        p: &(),
        (mut x, a): Both,
        (mut x_bar, a_bar): Both,
        p_bar: &mut (),
    ) -> Result<(Both, Both)> {
        let gravity = gravity_of(self.0.mesh(), a);
        let mut g_bar = gravity_of(self.0.mesh(), a_bar);
        if let Motion::Drift(dt) | Motion::KickDrift(_, dt) = self.1 {
            self.0.undrift_vjp(p, &mut x, dt, &mut x_bar, p_bar)?;
        }
        if let Motion::Kick(dt) | Motion::KickDrift(dt, _) = self.1 {
            self.0
                .unkick_vjp(p, &mut x, &gravity, dt, &mut x_bar, &mut g_bar, p_bar)?;
        }
        Ok(((x, meshes_of(gravity)), (x_bar, meshes_of(g_bar))))
    }
}

fn inputs() -> impl Strategy<Value = (Mesh, Both)> {
    (meshes(), 1..7usize).prop_flat_map(|(mesh, n)| {
        let field = || check::normal(mesh.shape(), 0.2, 1.0);
        let x = (smooth_particles(&mesh, n, 0.3), (field(), field(), field()));
        (Just(mesh), x)
    })
}

#[test]
fn kick_has_its_adjoint_and_inverse() {
    check::reversible_of(inputs(), |(mesh, x)| {
        (Move(Particles::new(&mesh), Motion::Kick(0.7)), (), x)
    });
}

/// Positions moved by less than their distance to the boundary: across it, a difference quotient
/// meets the jump of a box length, which is no change of the physical position.
fn inside(mesh: &Mesh, mut x: ParticleState<f64>, drift: f64) -> ParticleState<f64> {
    for ((i, d), position) in x.position.indexed_iter_mut() {
        let size = mesh.size()[d];
        *position = position.rem_euclid(size);
        let velocity = &mut x.velocity[[i, d]];
        let end = *position + drift * *velocity;
        if !(0.05 * size..0.95 * size).contains(&end) {
            *velocity = (0.5 * size - *position) / drift;
        }
    }
    x
}

#[test]
fn drift_has_its_adjoint_and_inverse() {
    check::reversible_of(inputs(), |(mesh, (x, a))| {
        let x = inside(&mesh, x, 0.4);
        (Move(Particles::new(&mesh), Motion::Drift(0.4)), (), (x, a))
    });
}

#[test]
fn kick_and_drift_have_their_adjoint_and_inverse() {
    check::reversible_of(inputs(), |(mesh, (x, a))| {
        // The kick moves the end point by less than the margin of `inside`.
        let x = inside(&mesh, x, 0.4);
        let shortest = mesh.size().into_iter().fold(f64::INFINITY, f64::min);
        let largest = [&a.0, &a.1, &a.2]
            .into_iter()
            .flatten()
            .fold(0.0f64, |m, a| m.max(a.abs()));
        let kick = 0.02 * shortest / (0.4 * largest);
        (
            Move(Particles::new(&mesh), Motion::KickDrift(kick, 0.4)),
            (),
            (x, a),
        )
    });
}

#[test]
fn a_drift_wraps_and_an_undrift_comes_back() {
    let mesh = Mesh::new([4, 4, 4], [1.0, 2.0, 4.0]).unwrap();
    let particles = Particles::new(&mesh);
    let mut x = ParticleState {
        position: array![[0.9, 0.1, 3.5]],
        velocity: array![[1.0, -1.0, 100.0]],
        mass: array![1.0],
    };
    let before = x.clone();
    particles.drift(&(), &mut x, 0.5).unwrap();
    let mut off = x.position.clone() - array![[0.4, 1.6, 1.5]];
    assert!(off.iter().all(|x: &f64| x.abs() < 1e-14), "{off}");
    particles.undrift(&(), &mut x, 0.5).unwrap();
    off = x.position - before.position;
    assert!(off.iter().all(|x: &f64| x.abs() < 1e-14), "{off}");
}

#[test]
fn deposits_add_and_their_adjoint_adds() {
    let mesh = Mesh::new([4, 6, 2], [1.0, 2.0, 0.7]).unwrap();
    let particles = Particles::new(&mesh);
    let x = ParticleState {
        position: array![[0.3, 1.2, 0.1], [0.8, 0.1, 0.6]],
        velocity: array![[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]],
        mass: array![1.5, 0.5],
    };
    let rho_bar = Array3::from_shape_fn(mesh.shape(), |(i, j, k)| {
        ((i + 5 * j + 31 * k) as f64).sin()
    });
    let mut rho = mesh.zeros::<f64>();
    particles.deposit(&(), &x, &mut rho).unwrap();
    let once = rho.clone();
    particles.deposit(&(), &x, &mut rho).unwrap();
    assert_eq!(rho, 2.0 * once);

    let mut x_bar = x.zeros_like();
    particles
        .deposit_vjp(&(), &x, &rho_bar, &mut x_bar, &mut ())
        .unwrap();
    let once = x_bar.clone();
    particles
        .deposit_vjp(&(), &x, &rho_bar, &mut x_bar, &mut ())
        .unwrap();
    assert_eq!(x_bar.position, 2.0 * once.position);
    assert_eq!(x_bar.mass, 2.0 * once.mass);
    assert_eq!(x_bar.velocity, x.velocity);
}

#[test]
fn a_step_crosses_at_most_one_cell() {
    let mesh = Mesh::new([10, 10, 10], [10.0, 20.0, 40.0]).unwrap();
    let particles = Particles::new(&mesh);
    let gravity = gravity_of(&mesh, (mesh.zeros(), mesh.zeros(), mesh.zeros()));
    let mut x = ParticleState::<f64>::zeros(2);
    let limit = |x: &ParticleState<f64>| particles.limits(&(), x, &gravity).unwrap().remove(0);
    assert_eq!(
        (limit(&x).name, limit(&x).dt),
        ("particle CFL", f64::INFINITY)
    );
    x.velocity = array![[1.0, 0.0, -16.0], [-2.0, 4.0, 0.0]];
    assert_eq!(limit(&x).dt, 0.25);
    x.velocity[[0, 1]] = f64::NAN;
    assert!(limit(&x).dt.is_nan());
}
