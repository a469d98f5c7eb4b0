//! Driven turbulence: the acceleration, what it conserves, its gradients, and where it ends.

use std::sync::Arc;

use adastra_check as check;
use adastra_core::{Evolve, Operator, Repeat, Result, Schedule};
use adastra_grid::{Fft, Mesh};
use adastra_hydro::{
    ClockState, Drift, Drive, Driving, DrivingParams, Flux, Ideal, Isothermal, IsothermalGas,
    IsothermalParams, IsothermalState, Scheme, Spectrum,
};
use ndarray::Array3;
use num_complex::Complex;

use crate::common::{ideal_state, isothermal, isothermal_state, smooth};
use crate::gradients::fields;

const SPECTRUM: Spectrum = Spectrum {
    waves: [1.0, 3.0],
    solenoidal: 1.0,
    correlation_time: 0.5,
    seed: 3,
};

fn driving(mesh: &Mesh, spectrum: Spectrum) -> Driving {
    Driving::new(mesh, spectrum).unwrap()
}

/// Powers along and across the wave vectors of an acceleration.
fn powers(mesh: &Mesh, a: &[Array3<f64>; 3]) -> [f64; 2] {
    let [n, ..] = mesh.cells();
    let fft = Fft::new(mesh.cells());
    let modes = a.each_ref().map(|a| {
        let mut a = a.mapv(|a| Complex::new(a, 0.0));
        fft.forward(&mut a);
        a
    });
    let signed = |i: usize| {
        let i = i as f64;
        if i < n as f64 / 2.0 { i } else { i - n as f64 }
    };
    let mut powers = [0.0; 2];
    for ((i, j, l), _) in modes[0].indexed_iter() {
        let k = [signed(i), signed(j), signed(l)];
        let squares: f64 = k.iter().map(|k| k * k).sum();
        let all: f64 = modes.iter().map(|a| a[[i, j, l]].norm_sqr()).sum();
        let along: Complex<f64> = (0..3).map(|d| modes[d][[i, j, l]] * k[d]).sum();
        let along = along.norm_sqr() / squares.max(1.0);
        powers[0] += along;
        powers[1] += all - along;
        assert!(
            all < 1e-18 || (1.0..9.0).contains(&squares),
            "{k:?} {all:e}"
        );
    }
    powers.map(|p| p / (n as f64).powi(6))
}

#[test]
fn the_acceleration_has_its_waves_its_projection_and_its_size() {
    let mesh = Mesh::new([16; 3], [1.0; 3]).unwrap();
    for (solenoidal, part) in [(1.0, 0.0), (0.0, 1.0), (0.5, 1.0 / 3.0)] {
        let driving = driving(
            &mesh,
            Spectrum {
                solenoidal,
                ..SPECTRUM
            },
        );
        let mut means = [0.0; 2];
        let times = 100;
        for i in 0..times {
            // Knots far apart: about independent ones.
            let a = driving.acceleration(0.5 * f64::from(i)).unwrap();
            let powers = powers(&mesh, &a);
            (0..2).for_each(|n| means[n] += powers[n] / f64::from(times));
        }
        let total = means[0] + means[1];
        assert!((total - 1.0).abs() < 0.05, "{total}");
        assert!((means[0] / total - part).abs() < 0.03, "{means:?}");
    }
}

#[test]
fn the_acceleration_is_a_function_of_seed_and_time_and_stays_correlated() {
    let mesh = Mesh::new([8, 12, 10], [1.0, 1.5, 1.2]).unwrap();
    let at = |driving: &Driving, time: f64| driving.acceleration::<f64>(time).unwrap();
    let one = driving(&mesh, SPECTRUM);
    let late = at(&one, 4.37);
    let early = at(&one, 0.12);
    let other = driving(&mesh, SPECTRUM);
    assert_eq!(at(&other, 0.12), early);
    assert_eq!(at(&other, 4.37), late);
    let dot = |a: &[Array3<f64>; 3], b: &[Array3<f64>; 3]| -> f64 {
        (0..3).map(|d| (&a[d] * &b[d]).sum()).sum()
    };
    let correlation = |dt: f64| {
        let pairs = (0..200).map(|i| {
            let time = 0.7 * f64::from(i);
            let (a, b) = (at(&one, time), at(&one, time + dt));
            [dot(&a, &b), dot(&a, &a)]
        });
        let [both, own] = pairs.fold([0.0; 2], |s, x| [s[0] + x[0], s[1] + x[1]]);
        both / own
    };
    for (dt, expected) in [(0.1, 0.82), (0.5, 0.37), (2.0, 0.02)] {
        let found = correlation(dt);
        assert!((found - expected).abs() < 0.08, "{dt}: {found}");
    }
}

#[test]
fn driving_keeps_mass_and_momentum() {
    let mesh = Mesh::new([8, 6, 10], [1.0; 3]).unwrap();
    let gas = isothermal_state::<f64>(&mesh, smooth(&mesh, 2.0));
    let p = DrivingParams { acceleration: 50.0 };
    let drive = Drive::<Isothermal>::new(driving(&mesh, SPECTRUM), 0.1);
    let (new, _) = drive
        .apply(&p, (gas.clone(), ClockState { time: 0.3 }))
        .unwrap();
    assert_eq!(new.density, gas.density);
    let pairs = [
        (&gas.momentum_x, &new.momentum_x),
        (&gas.momentum_y, &new.momentum_y),
        (&gas.momentum_z, &new.momentum_z),
    ];
    for (old, new) in pairs {
        let size: f64 = old.iter().map(|m| m.abs()).sum();
        assert!((old - new).iter().any(|d| d.abs() > 0.1));
        assert!((old.sum() - new.sum()).abs() < 1e-12 * size);
    }
}

#[test]
fn gradients() {
    let mesh = Mesh::new([6, 8, 10], [1.0, 1.2, 2.5]).unwrap();
    let spectrum = Spectrum {
        waves: [0.5, 2.5],
        solenoidal: 0.6,
        ..SPECTRUM
    };
    // Between the knots, which are 0.05 apart.
    let clock = |part: f64| ClockState {
        time: 0.25 + 0.05 * part,
    };
    let inputs = || (0.1..0.9, 0.5..3.0, fields(&mesh, 5));
    check::adjoint_of(inputs(), |(part, acceleration, w)| {
        let gas = isothermal_state(&mesh, w[..4].to_vec());
        let drive = Drive::<Isothermal>::new(driving(&mesh, spectrum), 0.2);
        (drive, DrivingParams { acceleration }, (gas, clock(part)))
    });
    check::adjoint_of(inputs(), |(part, acceleration, w)| {
        let gas = ideal_state(&mesh, 1.4, w);
        let drive = Drive::<Ideal>::new(driving(&mesh, spectrum), 0.2);
        (drive, DrivingParams { acceleration }, (gas, clock(part)))
    });
}

#[test]
fn bad_driving_is_named() {
    let mesh = Mesh::new([8; 3], [1.0; 3]).unwrap();
    let message = |spectrum| Driving::new(&mesh, spectrum).unwrap_err().to_string();
    let wrong = |waves| message(Spectrum { waves, ..SPECTRUM });
    assert!(
        wrong([3.0, 1.0]).contains("waves = 1"),
        "{}",
        wrong([3.0, 1.0])
    );
    assert!(wrong([1.0, 5.0]).contains("half the cells"));
    assert!(wrong([1.1, 1.2]).contains("holds modes"));
    let found = message(Spectrum {
        solenoidal: 1.5,
        ..SPECTRUM
    });
    assert!(found.contains("solenoidal = 1.5"), "{found}");
    let found = message(Spectrum {
        correlation_time: 0.0,
        ..SPECTRUM
    });
    assert!(found.contains("correlation_time"), "{found}");
    let driving = driving(&mesh, SPECTRUM);
    for time in [-1.0, f64::NAN, 1e9] {
        let found = driving.acceleration::<f64>(time).unwrap_err().to_string();
        assert!(found.contains("time ="), "{found}");
    }
}

/// Drift, then driving, then the clock.
struct Step {
    drift: Drift<f64, Isothermal>,
    drive: Drive<Isothermal>,
    dt: f64,
}

impl Operator<f64> for Step {
    type Params = (IsothermalParams<f64>, DrivingParams<f64>);
    type In = (IsothermalState<f64>, ClockState<f64>);
    type Out = Self::In;
    fn apply(&self, p: &Self::Params, (gas, clock): Self::In) -> Result<Self::In> {
        let time = clock.time + self.dt;
        let gas = self.drift.apply(&p.0, gas)?;
        self.drive.apply(&p.1, (gas, ClockState { time }))
    }
}

/// Energy enters at about a^2 T/2 per mass and leaves at v^3/L of the driven scale L = 1/2: with
/// a = 6, T = 0.3 and c = 1 the flow settles where these meet, transonic.
#[test]
fn the_mach_number_saturates() {
    let mesh = Mesh::new([20; 3], [1.0; 3]).unwrap();
    let scheme = Scheme {
        flux: Flux::Hll,
        ..Scheme::default()
    };
    let gas = Arc::new(IsothermalGas::<f64>::new(&mesh, scheme).unwrap());
    let dt = 0.004;
    let spectrum = Spectrum {
        correlation_time: 0.3,
        ..SPECTRUM
    };
    let op = Step {
        drift: Drift::new(&gas, dt),
        drive: Drive::new(driving(&mesh, spectrum), dt),
        dt,
    };
    let run = Evolve::new(Repeat { op, n: 25 }, Schedule::StoreAll);
    let p = (isothermal(1.0), DrivingParams { acceleration: 6.0 });
    let mut w = vec![Array3::ones(mesh.shape())];
    w.resize(4, Array3::zeros(mesh.shape()));
    let mut x = (isothermal_state(&mesh, w), ClockState { time: 0.0 });
    let mut machs = Vec::new();
    for _ in 0..30 {
        x = run.apply(&p, x).unwrap();
        let sums = gas.conserved(&x.0).unwrap();
        machs.push((2.0 * sums.kinetic_energy / sums.mass).sqrt());
    }
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
    let (middle, last) = (mean(&machs[10..20]), mean(&machs[20..]));
    assert!(
        machs[0] < 0.7 && (1.0..1.8).contains(&middle),
        "{machs:.2?}"
    );
    assert!((last / middle - 1.0).abs() < 0.25, "{machs:.2?}");
    let momentum = gas.conserved(&x.0).unwrap().momentum;
    assert!(momentum.iter().all(|m| m.abs() < 1e-11), "{momentum:?}");
}
