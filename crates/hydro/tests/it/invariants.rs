//! Conservation, threads, precision, and schedules of gradients.

use std::sync::Arc;

use adastra_check as check;
use adastra_core::{Adjoint, Evolve, Operator, Repeat, Schedule, Storage};
use adastra_gravity::{Matter, MatterAdjoint};
use adastra_grid::{Gravity, Mesh};
use adastra_hydro::{
    Drift, FromPrimitive, IdealGas, IdealState, Isothermal, IsothermalGas, IsothermalState, Scheme,
};
use ndarray::Array3;

use crate::common::{field, ideal, ideal_state, isothermal, isothermal_state, smooth};
use crate::gradients::schemes;

fn warm(mesh: &Mesh) -> IdealState<f64> {
    let mut w = smooth(mesh, 1e6);
    w.push(field(mesh, |[x, _, z]| {
        1e8 * (1.0 + 0.3 * (x + 2.0 * z).sin())
    }));
    ideal_state(mesh, 1.4, w)
}

#[test]
fn mass_momentum_and_energy_are_conserved_to_rounding() {
    let mesh = Mesh::new([12, 10, 18], [6.0, 5.0, 9.0]).unwrap();
    for scheme in schemes() {
        let gas = Arc::new(IdealGas::new(&mesh, scheme).unwrap());
        let mut x = warm(&mesh);
        let before = gas.conserved(&x).unwrap();
        for _ in 0..20 {
            gas.drift(&ideal(1.4), &mut x, 0.004).unwrap();
        }
        let after = gas.conserved(&x).unwrap();
        let energy = |c: &adastra_hydro::Conserved| c.kinetic_energy + c.thermal_energy;
        assert!((after.mass / before.mass - 1.0).abs() < 1e-13);
        assert!((energy(&after) / energy(&before) - 1.0).abs() < 1e-13);
        for d in 0..3 {
            let change = after.momentum[d] - before.momentum[d];
            assert!(change.abs() < 1e-13 * 10.0 * before.mass, "{change}");
        }
        assert!((after.kinetic_energy / before.kinetic_energy - 1.0).abs() > 1e-6);
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    let mesh = Mesh::new([70, 50, 22], [7.0, 5.0, 2.2]).unwrap();
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let gas = Arc::new(IsothermalGas::<f32>::new(&mesh, Scheme::default()).unwrap());
            let x: IsothermalState<f32> = isothermal_state(&mesh, smooth(&mesh, 1.0));
            let drift = Drift::new(&gas, 0.002);
            let (y, saved) = drift.record(&isothermal(20.0), x).unwrap();
            let mut p_bar = isothermal(0.0);
            let x_bar = drift
                .vjp(&isothermal(20.0), saved, y.clone(), &mut p_bar)
                .unwrap();
            (y, x_bar, p_bar)
        })
    };
    let one = run(1);
    for threads in [2, 5] {
        let many = run(threads);
        assert!(one == many, "{threads} threads");
    }
}

/// Where 1e-12 of the spacing has no square in `f32`.
#[test]
fn a_tiny_box_of_uniform_gas_has_a_finite_adjoint() {
    let mesh = Mesh::new([4; 3], [4e-10; 3]).unwrap();
    let x = || IsothermalState {
        density: Array3::from_elem(mesh.shape(), 1.0),
        momentum_x: Array3::zeros(mesh.shape()),
        momentum_y: Array3::zeros(mesh.shape()),
        momentum_z: Array3::zeros(mesh.shape()),
    };
    for limiter in adastra_hydro::Limiter::ALL {
        let scheme = Scheme {
            limiter,
            ..Scheme::default()
        };
        let gas = Arc::new(IsothermalGas::<f32>::new(&mesh, scheme).unwrap());
        let drift = Drift::new(&gas, 1e-13);
        let mut p_bar = isothermal(0.0);
        let x_bar = drift.vjp(&isothermal(20.0), x(), x(), &mut p_bar).unwrap();
        let finite = x_bar.density.iter().all(|x| x.is_finite());
        assert!(finite, "{}", limiter.name());
    }
}

/// Borders of tiles lie elsewhere in a shifted state.
#[test]
fn a_shift_of_the_box_shifts_every_bit() {
    let mesh = Mesh::new([36, 150, 6], [3.6, 15.0, 0.6]).unwrap();
    let gas = Arc::new(IsothermalGas::<f64>::new(&mesh, Scheme::default()).unwrap());
    let drift = Drift::new(&gas, 0.002);
    let shift = |a: &Array3<f64>| {
        let [nx, ny, _] = mesh.cells();
        Array3::from_shape_fn(mesh.shape(), |(i, j, k)| {
            a[[(i + 13) % nx, (j + 37) % ny, k]]
        })
    };
    let shifted = |x: &IsothermalState<f64>| IsothermalState {
        density: shift(&x.density),
        momentum_x: shift(&x.momentum_x),
        momentum_y: shift(&x.momentum_y),
        momentum_z: shift(&x.momentum_z),
    };
    let pull_back = |x: IsothermalState<f64>| {
        let (y, saved) = drift.record(&isothermal(20.0), x).unwrap();
        let mut p_bar = isothermal(0.0);
        let x_bar = drift
            .vjp(&isothermal(20.0), saved, y.clone(), &mut p_bar)
            .unwrap();
        (y, x_bar, p_bar.sound_speed)
    };
    let start = isothermal_state(&mesh, smooth(&mesh, 1.0));
    let (y, x_bar, c_bar) = pull_back(start.clone());
    let (moved, moved_bar, moved_c_bar) = pull_back(shifted(&start));
    assert!(shifted(&y) == moved);
    assert!(shifted(&x_bar) == moved_bar);
    assert!(
        (c_bar / moved_c_bar - 1.0).abs() < 1e-9,
        "{c_bar} {moved_c_bar}"
    );
}

#[test]
fn single_precision_agrees_with_double() {
    let mesh = Mesh::new([8, 10, 34], [1.0, 1.25, 4.25]).unwrap();
    let single = isothermal_state::<f32>(&mesh, smooth(&mesh, 1.0));
    let double = IsothermalState {
        density: single.density.mapv(f64::from),
        momentum_x: single.momentum_x.mapv(f64::from),
        momentum_y: single.momentum_y.mapv(f64::from),
        momentum_z: single.momentum_z.mapv(f64::from),
    };
    let scheme = Scheme::default();
    let (small, large) = (
        Arc::new(IsothermalGas::<f32>::new(&mesh, scheme).unwrap()),
        Arc::new(IsothermalGas::<f64>::new(&mesh, scheme).unwrap()),
    );
    let tolerances = check::Tolerances {
        precision: 3e-3,
        ..check::Tolerances::default()
    };
    let in_f32 = (&Drift::new(&small, 0.001), &isothermal(20.0), &single);
    let in_f64 = (&Drift::new(&large, 0.001), &isothermal(20.0), &double);
    check::check_precision_at(in_f32, in_f64, 3, &tolerances).unwrap();
}

#[test]
fn every_schedule_gives_the_same_gradient() {
    let mesh = Mesh::new([6, 4, 8], [0.6, 0.4, 0.8]).unwrap();
    let gas = Arc::new(IdealGas::new(&mesh, Scheme::default()).unwrap());
    let start = warm(&mesh);
    let bytes = 5 * 8 * mesh.len();
    let checkpoints = Schedule::Checkpoint {
        budget_bytes: 3 * bytes,
        storage: Storage::Memory,
    };
    let gradient = |schedule| {
        let steps = Repeat {
            op: Drift::new(&gas, 5e-4),
            n: 13,
        };
        let evolve = Evolve::new(steps, schedule);
        let loss =
            |x: &IdealState<f64>| Ok((0.5 * adastra_core::State::<f64>::dot(x, x), x.clone()));
        evolve
            .value_and_gradient(&ideal(1.4), start.clone(), loss)
            .unwrap()
    };
    let (stored, recomputed) = (gradient(Schedule::StoreAll), gradient(checkpoints));
    assert!(recomputed.report.recomputed > 0);
    assert_eq!(stored.x_bar, recomputed.x_bar);
    assert_eq!(stored.p_bar, recomputed.p_bar);
}

/// Kick and drift as one operator, with the acceleration among the inputs.
struct KickDrift<'a>(&'a IdealGas<f64>);

impl KickDrift<'_> {
    const KICK: f64 = 0.03;
    const DRIFT: f64 = 0.02;

    fn gravity(a: &[Array3<f64>]) -> Gravity<f64> {
        Gravity {
            potential: Array3::zeros(a[0].raw_dim()),
            acceleration: Some([a[0].clone(), a[1].clone(), a[2].clone()]),
        }
    }
}

type Kicked = (IdealState<f64>, Vec<Array3<f64>>);

impl Operator<f64> for KickDrift<'_> {
    type Params = adastra_hydro::IdealParams<f64>;
    type In = Kicked;
    type Out = IdealState<f64>;
    fn apply(&self, p: &Self::Params, (mut x, a): Kicked) -> adastra_core::Result<Self::Out> {
        self.0
            .kick_drift(p, &mut x, &Self::gravity(&a), Self::KICK, Self::DRIFT)?;
        Ok(x)
    }
}

impl Adjoint<f64> for KickDrift<'_> {
    type Saved = Kicked;
    fn record(&self, p: &Self::Params, x: Kicked) -> adastra_core::Result<(Self::Out, Kicked)> {
        Ok((self.apply(p, x.clone())?, x))
    }
    fn vjp(
        &self,
        p: &Self::Params,
        (mut x, a): Kicked,
        mut bar: Self::Out,
        p_bar: &mut Self::Params,
    ) -> adastra_core::Result<Kicked> {
        let zero = Array3::zeros(a[0].raw_dim());
        let mut g_bar = Self::gravity(&[zero.clone(), zero.clone(), zero]);
        let (kick, drift) = (Self::KICK, Self::DRIFT);
        self.0.kick_drift_vjp(
            p,
            &mut x,
            &Self::gravity(&a),
            kick,
            drift,
            &mut bar,
            &mut g_bar,
            p_bar,
        )?;
        Ok((bar, g_bar.acceleration.unwrap().into()))
    }
}

#[test]
fn kicks_have_their_adjoint_and_keep_the_pressure() {
    let mesh = Mesh::new([4, 6, 10], [1.0, 1.2, 2.5]).unwrap();
    let gas = Arc::new(IdealGas::<f64>::new(&mesh, Scheme::default()).unwrap());
    let a = || check::normal(mesh.shape(), 0.2, 1.0);
    let inputs = (
        1.2..1.8,
        crate::gradients::fields(&mesh, 5),
        (a(), a(), a()),
    );
    crate::gradients::property().adjoint_of(inputs, |(gamma, w, (ax, ay, az))| {
        let x = ideal_state(&mesh, gamma, w);
        (KickDrift(&gas), ideal(gamma), (x, vec![ax, ay, az]))
    });

    let mut x = warm(&mesh);
    let before = gas.conserved(&x).unwrap();
    let a = [1.0, -2.0, 0.5].map(|a| field(&mesh, |_| a));
    gas.kick(&ideal(1.4), &mut x, &KickDrift::gravity(&a), 3.0)
        .unwrap();
    let after = gas.conserved(&x).unwrap();
    assert!((after.thermal_energy / before.thermal_energy - 1.0).abs() < 1e-12);
    assert!((after.momentum[1] - before.momentum[1] + 6.0 * after.mass).abs() < 1e-9 * after.mass);
}

#[test]
fn the_change_of_variables_has_its_adjoint() {
    use proptest::prelude::*;
    let mesh = Mesh::new([4, 2, 6], [1.0; 3]).unwrap();
    let inputs = (1.2..1.8, crate::gradients::fields(&mesh, 5));
    check::adjoint_of(inputs, |(gamma, w)| {
        (
            FromPrimitive::<adastra_hydro::Ideal>::new(&mesh),
            ideal(gamma),
            w,
        )
    });
    let inputs = (Just(isothermal(1.0)), crate::gradients::fields(&mesh, 4));
    check::adjoint(&FromPrimitive::<Isothermal>::new(&mesh), inputs);
}

#[test]
fn floors_have_their_adjoint() {
    let mesh = Mesh::new([4, 6, 10], [1.0, 1.2, 2.5]).unwrap();
    let scheme = Scheme {
        density_floor: 0.9,
        pressure_floor: 1.1,
        ..Scheme::default()
    };
    let gas = Arc::new(IdealGas::<f64>::new(&mesh, scheme).unwrap());
    let inputs = (1.2..1.8, crate::gradients::fields(&mesh, 5));
    crate::gradients::property().adjoint_of(inputs, |(gamma, w)| {
        (
            Drift::new(&gas, 0.02),
            ideal(gamma),
            ideal_state(&mesh, gamma, w),
        )
    });
    let repairs = gas.repairs();
    assert!(repairs.density > 0 && repairs.pressure > 0, "{repairs:?}");
}
