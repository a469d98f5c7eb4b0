//! Wave dark matter, gas and stars under one gravity, against an independent code:
//! `data/README.md`.

use std::collections::BTreeMap;
use std::f64::consts::TAU;
use std::sync::Arc;

use adastra::core::{Adjoint, Evolve, Operator, Result, Schedule};
use adastra::fdm::{Wave, WaveParams, WaveState};
use adastra::gravity::{Background, Element, Leapfrog, SelfGravity, elements};
use adastra::grid::Mesh;
use adastra::hydro::{
    Flux, FromPrimitive, Isothermal, IsothermalGas, IsothermalParams, IsothermalState, Limiter,
    Scheme,
};
use adastra::io::{Dataset, read_arrays};
use adastra::particles::{ParticleState, Particles};
use ndarray::{Array1, Array2, Array3, ArrayD, Axis};
use num_complex::Complex;

const DT: f64 = 8.5e-4;
const SOUND_SPEED: f64 = 20.0;
const SIZE: f64 = 10.0;
const PLANES: [usize; 2] = [0, 13];

type Matter = (Wave<f64>, IsothermalGas<f64>, Particles);
type State = (WaveState<f64>, IsothermalState<f64>, ParticleState<f64>);
type Parameters = (
    (WaveParams<f64>, IsothermalParams<f64>, ()),
    Background<f64>,
);

struct Golden(BTreeMap<String, Dataset>);

impl Golden {
    fn read() -> Self {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/coupled_gas.npz");
        Self(read_arrays(path).unwrap())
    }

    fn real(&self, name: &str) -> &ArrayD<f64> {
        match &self.0[name] {
            Dataset::F64(array) => array,
            other => panic!("{name}: {}", other.kind()),
        }
    }

    /// The planes of a complex field, or its stars' numbers, against those of `found`.
    fn compare<D: ndarray::Dimension>(
        &self,
        name: &str,
        found: &ndarray::Array<f64, D>,
        tolerance: f64,
    ) {
        let expected = self.real(name);
        let found = planes(found);
        assert_eq!(found.shape(), expected.shape(), "{name}");
        let scale = expected.iter().fold(0.0f64, |a, b| a.max(b.abs()));
        for (a, b) in found.iter().zip(expected) {
            // NaN fails.
            assert!((a - b).abs() <= tolerance * scale, "{name}: {a} for {b}");
        }
    }

    fn compare_wave(&self, name: &str, found: &Array3<Complex<f64>>, tolerance: f64) {
        let Dataset::Complex64(expected) = &self.0[name] else {
            panic!("{name}");
        };
        let scale = expected.iter().fold(0.0f64, |a, b| a.max(b.norm()));
        for (a, b) in found.select(Axis(0), &PLANES).iter().zip(expected) {
            assert!((a - b).norm() <= tolerance * scale, "{name}: {a} for {b}");
        }
    }

    fn compare_state(&self, when: &str, x: &State, tolerance: f64) {
        self.compare_wave(&format!("{when}_psi"), &x.0.psi, tolerance);
        self.compare(&format!("{when}_rho"), &x.1.density, tolerance);
        for (name, v) in ["vx", "vy", "vz"].iter().zip(velocities(&x.1)) {
            self.compare(&format!("{when}_{name}"), &v, tolerance);
        }
        self.compare(&format!("{when}_pos"), &x.2.position, tolerance);
        self.compare(&format!("{when}_vel"), &x.2.velocity, tolerance);
    }
}

/// The planes that the golden data hold of a field; lists of stars are whole.
fn planes<D: ndarray::Dimension>(field: &ndarray::Array<f64, D>) -> ArrayD<f64> {
    let field = field.clone().into_dyn();
    if field.ndim() == 3 {
        field.select(Axis(0), &PLANES)
    } else {
        field
    }
}

fn velocities(gas: &IsothermalState<f64>) -> [Array3<f64>; 3] {
    [&gas.momentum_x, &gas.momentum_y, &gas.momentum_z].map(|m| m / &gas.density)
}

fn mesh() -> Mesh {
    Mesh::new([32; 3], [SIZE; 3]).unwrap()
}

fn system() -> Arc<SelfGravity<f64, Matter>> {
    let mesh = mesh();
    let scheme = Scheme {
        flux: Flux::LaxFriedrichs,
        limiter: Limiter::Jaxion,
        ..Scheme::default()
    };
    let gas = IsothermalGas::new(&mesh, scheme).unwrap();
    let matter = (Wave::new(&mesh), gas, Particles::new(&mesh));
    Arc::new(SelfGravity::new(&mesh, matter))
}

fn parameters() -> Parameters {
    let gas = IsothermalParams {
        sound_speed: SOUND_SPEED,
    };
    ((WaveParams::free(1.0), gas, ()), Background::none())
}

/// A field of the phases 2 pi x/L.
fn field<A>(f: impl Fn(f64, f64, f64) -> A) -> Array3<A> {
    let mesh = mesh();
    Array3::from_shape_fn(mesh.shape(), |(i, j, k)| {
        let [x, y, z] = mesh.centre([i, j, k]).map(|x| TAU * x / SIZE);
        f(x, y, z)
    })
}

fn wave() -> WaveState<f64> {
    let psi = field(|x, y, z| {
        let amplitude = 1.0 + 0.3 * (x + 0.1).cos() + 0.2 * (y + 0.7).sin() * (2.0 * z + 0.3).cos();
        let phase = 0.4 * (x + y + 0.2).sin() + 0.3 * (z - x + 0.5).cos();
        Complex::from_polar(0.85e7f64.sqrt() * amplitude, phase)
    });
    WaveState { psi }
}

/// Density and velocities.
fn gas() -> Vec<Array3<f64>> {
    vec![
        field(|x, y, z| {
            let waves = 0.2 * (x + 0.3).sin() * (y + 0.4).cos() + 0.1 * (2.0 * z + y + 0.9).cos();
            0.15e7 * (1.0 + waves)
        }),
        field(|x, y, z| 8.0 * (y + 0.2).sin() + 3.0 * (x + 2.0 * z + 0.6).cos()),
        field(|x, y, z| 6.0 * (z + 0.5).cos() - 2.0 * (2.0 * x + y + 0.1).sin()),
        field(|x, y, z| 5.0 * (x + 0.8).sin() + 4.0 * (y + z + 1.1).cos()),
    ]
}

fn stars() -> ParticleState<f64> {
    let alpha = [
        0.819_172_513_396_164_5,
        0.671_043_606_703_789_3,
        0.549_700_477_901_970_3,
    ];
    let number = |j: usize| j as f64 + 1.0;
    ParticleState {
        position: Array2::from_shape_fn((64, 3), |(j, d)| {
            SIZE * (0.5 + number(j) * alpha[d]).fract()
        }),
        velocity: Array2::from_shape_fn((64, 3), |(j, d)| {
            let j = number(j);
            30.0 * [j.sin(), (2.0 * j).cos(), (3.0 * j + 0.5).sin()][d]
        }),
        mass: Array1::from_elem(64, 1e7),
    }
}

fn conserved() -> FromPrimitive<Isothermal> {
    FromPrimitive::new(&mesh())
}

fn start() -> State {
    let gas = conserved().apply(&parameters().0.1, gas()).unwrap();
    (wave(), gas, stars())
}

fn zero(x: &State) -> State {
    use adastra::core::State as _;
    x.zeros_like()
}

/// mean(q^2) with q = f/mean(f) - target, and its gradient.
fn contrast<D: ndarray::Dimension>(
    f: &ndarray::Array<f64, D>,
    target: &ndarray::Array<f64, D>,
) -> (f64, ndarray::Array<f64, D>) {
    let (n, mean) = (f.len() as f64, f.mean().unwrap());
    let miss = f / mean - target;
    let common = (&miss * f).sum() / (n * mean * mean);
    let bar = miss.mapv(|q| 2.0 / n * (q / mean - common));
    (miss.mapv(|q| q * q).mean().unwrap(), bar)
}

/// The projected density of the wave against a target.
fn loss_a(x: &State) -> Result<(f64, State)> {
    let projected = x.0.psi.mapv(|z| z.norm_sqr()).mean_axis(Axis(2)).unwrap();
    let mesh = mesh();
    let target = Array2::from_shape_fn(projected.dim(), |(i, j)| {
        let [x, y, _] = mesh.centre([i, j, 0]).map(|x| TAU * x / SIZE);
        1.0 + 0.5 * (x + 0.3).cos() * (y + 0.6).sin()
    });
    let (value, projected_bar) = contrast(&projected, &target);
    let mut bar = zero(x);
    for ((i, j, k), z) in x.0.psi.indexed_iter() {
        bar.0.psi[[i, j, k]] = z * (2.0 * projected_bar[[i, j]] / 32.0);
    }
    Ok((value, bar))
}

/// Contrast of the gas, its kinetic energy, and where the stars are.
fn loss_b(x: &State) -> Result<(f64, State)> {
    let gas = &x.1;
    let mut bar = zero(x);
    let (mut value, rho_bar) = contrast(&gas.density, &Array3::ones(gas.density.raw_dim()));
    bar.1.density = rho_bar;
    let n = gas.density.len() as f64;
    let IsothermalState {
        density,
        momentum_x,
        momentum_y,
        momentum_z,
    } = &mut bar.1;
    for (v, bar) in velocities(gas)
        .iter()
        .zip([momentum_x, momentum_y, momentum_z])
    {
        value += v.mapv(|v| v * v).sum() / (n * SOUND_SPEED.powi(2));
        // v = m / rho.
        *bar = v * (2.0 / (n * SOUND_SPEED.powi(2))) / &gas.density;
        *density -= &(&*bar * v);
    }
    let centre = [0.2, 0.5, 0.8];
    for ((j, d), position) in x.2.position.indexed_iter() {
        let phase = TAU * (position / SIZE - centre[d]);
        value += phase.sin().powi(2) / 192.0;
        bar.2.position[[j, d]] = (2.0 * phase).sin() * TAU / SIZE / 192.0;
    }
    Ok((value, bar))
}

#[test]
fn one_step() {
    let system = system();
    let mut x = start();
    for motion in elements(&[DT], |_| 1.0) {
        x = Element::new(&system, motion)
            .apply(&parameters(), x)
            .unwrap();
    }
    Golden::read().compare_state("step1", &x, 1e-10);
}

#[test]
fn twenty_steps_losses_and_gradients() {
    let golden = Golden::read();
    let steps = || Leapfrog::new(system(), &[DT; 20]);
    let stored = Evolve::new(steps(), Schedule::StoreAll);
    let end = stored.apply(&parameters(), start()).unwrap();
    golden.compare_state("final", &end, 1e-10);

    let losses: [(&str, f64, fn(&State) -> Result<(f64, State)>); 2] = [
        ("dA", 0.236_430_320_682_983_45, loss_a),
        ("dB", 0.801_675_268_614_257_5, loss_b),
    ];
    for (name, expected, loss) in losses {
        let p = parameters();
        let found = stored.value_and_gradient(&p, start(), loss).unwrap();
        assert!(
            (found.value / expected - 1.0).abs() < 1e-10,
            "{name}: {}",
            found.value
        );

        let (wave_bar, gas_bar, stars_bar) = found.x_bar;
        let mut p_bar = found.p_bar.0.1;
        let w_bar = conserved().vjp(&p.0.1, gas(), gas_bar, &mut p_bar).unwrap();
        for (field, bar) in ["rho", "vx", "vy", "vz"].iter().zip(&w_bar) {
            golden.compare(&format!("{name}_d{field}"), bar, 1e-8);
        }
        golden.compare(
            &format!("{name}_dpsi_re"),
            &wave_bar.psi.mapv(|z| z.re),
            1e-8,
        );
        golden.compare(
            &format!("{name}_dpsi_im"),
            &wave_bar.psi.mapv(|z| z.im),
            1e-8,
        );
        golden.compare(&format!("{name}_dpos"), &stars_bar.position, 1e-8);
        golden.compare(&format!("{name}_dvel"), &stars_bar.velocity, 1e-8);
    }
}
