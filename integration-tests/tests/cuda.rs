//! Wave dark matter on a device against the same run on the CPU, on a driver without a device.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use adastra_core::{Adjoint, Evolve, Operator, Real, ReversibleSchedule, Schedule, State};
use adastra_cuda::Device;
use adastra_cuda::fake::{FakeError, install};
use adastra_fdm::cuda::{self, DeviceMarch, DeviceRun, Reversal};
use adastra_fdm::{Wave, WaveParams, WaveState};
use adastra_gravity::{Background, G, Leapfrog, Limit, March, SelfGravity, Source, TimeStep};
use adastra_grid::{Gravity, Mesh};
use ndarray::Array3;
use num_complex::Complex;

fn device() -> Option<Device> {
    match install(Path::new(env!("CARGO_TARGET_TMPDIR")), &[]) {
        Ok(_) => Some(Device::open(0).expect("the driver has a device")),
        Err(error @ FakeError::NoCompiler) => {
            let _ = writeln!(std::io::stderr(), "SKIPPED, runs on a device: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn relative<S: State<T>, T: Real>(found: &S, expected: &S) -> f64 {
    let mut difference = found.clone();
    difference.axpy(-T::one(), expected);
    (difference.dot(&difference) / expected.dot(expected)).sqrt()
}

/// A factor that grows with time.
struct Grows;

impl Source for Grows {
    fn factor(&self, time: f64) -> f64 {
        1.0 + 20.0 * time
    }
    fn limit(&self, _: f64) -> Limit {
        Limit {
            name: "source",
            dt: 0.004,
        }
    }
}

fn compare<T: Real>(device: &Device, allowed: f64) {
    let mesh = Mesh::new([8, 6, 10], [3.0, 3.0, 4.0]).unwrap();
    let psi = Array3::from_shape_fn(mesh.shape(), |(i, j, k)| {
        let [x, y, z] = mesh.centre([i, j, k]);
        let z = Complex::new(1.0 + 0.3 * (x + 2.0 * y).sin(), 0.4 * (z - x).cos()) * 2e4;
        Complex::new(T::of(z.re), T::of(z.im))
    });
    let potential = Array3::from_shape_fn(mesh.shape(), |(i, _, k)| {
        T::of(300.0 * ((i + k) as f64).sin())
    });
    let background = Background(Some(Gravity {
        potential,
        acceleration: None,
    }));
    let boson = WaveParams {
        mass: T::of(1.5),
        coupling: T::of(-0.5),
    };
    let (p, x) = ((boson, background), WaveState { psi });
    let dt = [0.003, 0.003, 0.002, 0.003];
    let system = SelfGravity::with_constant(&mesh, Wave::<T>::new(&mesh), G);
    let system = Arc::new(system.with_source(Grows));
    let host = Evolve::new(Leapfrog::new(system.clone(), &dt), Schedule::StoreAll);
    let (y, tape) = host.record(&p, x.clone()).unwrap();
    assert!(relative::<_, T>(&y, &x) > 0.1, "the run changes the wave");
    let mut y_bar = y.clone();
    y_bar.psi.mapv_inplace(|z| z * (z.re * z.re));
    let mut p_bar = p.zeros_like();
    let x_bar = host.vjp(&p, tape, y_bar.clone(), &mut p_bar).unwrap();

    let there = cuda::system::<T>(device, &mesh, G).unwrap();
    let there = Arc::new(there.with_source(Grows));
    for reversal in [
        Reversal::Recompute(Schedule::StoreAll),
        Reversal::Undo(ReversibleSchedule::Reconstruct { anchors: 1 }),
    ] {
        let there = DeviceRun::new(there.clone(), &dt, reversal.clone());
        let found = there.apply(&p, x.clone()).unwrap();
        let error = relative::<_, T>(&found, &y);
        assert!(error < allowed, "{error:e}");
        let (_, saved) = there.record(&p, x.clone()).unwrap();
        let mut found_p = p.zeros_like();
        let found = there.vjp(&p, saved, y_bar.clone(), &mut found_p).unwrap();
        for (what, error) in [
            ("wave", relative::<_, T>(&found, &x_bar)),
            ("background", relative::<_, T>(&found_p.1, &p_bar.1)),
            ("mass", relative::<T, T>(&found_p.0.mass, &p_bar.0.mass)),
            (
                "coupling",
                relative::<T, T>(&found_p.0.coupling, &p_bar.0.coupling),
            ),
        ] {
            assert!(error < 10.0 * allowed, "{what}, {reversal:?}: {error:e}");
        }
    }

    // Steps that are chosen.
    let (mut march, mut march_there) = (March::default(), March::default());
    let mut run = DeviceMarch::new(there, &p, &x).unwrap();
    let (mut x, until, rule) = (x, 0.02, TimeStep::Adaptive(0.4));
    while march.time < until {
        let step = march.advance(&system, &p, &mut x, rule, until).unwrap();
        let found = run.advance(&mut march_there, rule, until).unwrap();
        assert_eq!(found.binding.name, step.binding.name);
        assert!((found.dt / step.dt - 1.0).abs() < allowed);
    }
    assert_eq!(
        (march.step, march.time),
        (march_there.step, march_there.time)
    );
    march.close(&system, &p, &mut x).unwrap();
    run.close(&mut march_there).unwrap();
    assert!(run.is_finite().unwrap());
    let error = relative::<_, T>(&run.state().unwrap(), &x);
    assert!(error < 10.0 * allowed, "{error:e}");
    let error = run
        .advance(&mut march_there, TimeStep::Fixed(1.0), 2.0)
        .unwrap_err();
    assert!(error.to_string().contains("exceeds the"), "{error}");
}

#[test]
fn a_run_and_its_gradient_are_those_of_the_cpu() {
    let Some(device) = device() else { return };
    compare::<f64>(&device, 1e-12);
    compare::<f32>(&device, 1e-5);
}

#[test]
fn wrong_parameters_are_named_as_on_the_cpu() {
    let Some(device) = device() else { return };
    let mesh = Mesh::new([4; 3], [1.0; 3]).unwrap();
    let reversal = Reversal::Recompute(Schedule::StoreAll);
    let system = Arc::new(cuda::system::<f32>(&device, &mesh, G).unwrap());
    let run = DeviceRun::new(system, &[0.1], reversal);
    let x = WaveState {
        psi: mesh.zeros_complex(),
    };
    let p = (WaveParams::free(-1.0), Background::none());
    let error = run.apply(&p, x).unwrap_err();
    assert_eq!(error.to_string(), "mass = -1: must be positive and finite");
}
