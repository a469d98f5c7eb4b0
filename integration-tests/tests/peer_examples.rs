//! The numbers that the tests of Jaxion 0.0.13 state for its examples at 32^3, or that its runs end
//! with (`data/README.md`). Its runs are in f32, and so are these.

use std::sync::Arc;

use adastra::core::{Evolve, Operator, Schedule};
use adastra::fdm::{Wave, WaveParams, WaveState};
use adastra::gravity::{Background, G, Leapfrog, Matter, SelfGravity};
use adastra::grid::{Fft, Gravity, Mesh};
use adastra::hydro::{
    Flux, FromPrimitive, Isothermal, IsothermalGas, IsothermalParams, Limiter, Scheme,
};
use adastra::io::{Dataset, read_arrays};
use adastra::particles::{ParticleState, Particles};
use ndarray::{Array1, Array2, Array3, ArrayD, Ix2, Ix3};
use num_complex::Complex;

const N: usize = 32;

fn data(name: &str) -> ArrayD<f64> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/peer_examples.npz");
    let arrays = read_arrays(path).unwrap();
    Dataset::to_real(&arrays[name]).unwrap()
}

/// Equal steps of a sixth of (m/hbar) dx^2, their number rounded to hundreds.
fn run<M>(
    mesh: &Mesh,
    matter: M,
    p: (M::Params, Background<f32>),
    x: M::State,
    end: f64,
) -> M::State
where
    M: adastra::gravity::MatterAdjoint<f32> + 'static,
    M::State: adastra::core::Fields<f32>,
{
    let dx = mesh.spacing()[1];
    let limit = WaveParams::<f32>::free(1.0).m_per_hbar() / 6.0 * dx * dx;
    let steps = 100 * ((end / limit).round() / 100.0).round() as usize;
    let system = Arc::new(SelfGravity::new(mesh, matter));
    let leapfrog = Leapfrog::new(system, &vec![end / steps as f64; steps]);
    let run = Evolve::new(leapfrog, Schedule::StoreAll);
    run.apply(&p, x).unwrap()
}

fn magnitude(x: &WaveState<f32>) -> f64 {
    x.psi.iter().map(|z| f64::from(z.norm())).sum::<f64>() / x.psi.len() as f64
}

fn mean_size<'a>(values: impl ExactSizeIterator<Item = &'a f32>) -> f64 {
    let n = values.len() as f64;
    values.map(|v| f64::from(v.abs())).sum::<f64>() / n
}

fn agree(what: &str, found: f64, stated: f64) {
    assert!(
        (found / stated - 1.0).abs() <= 1e-3,
        "{what}: {found} for {stated}"
    );
}

/// Random phases of 40 km/s and a mean of 0.85e7 Msun/kpc^3 (Mocz et al. 2018, equation 27).
fn granules(mesh: &Mesh) -> WaveState<f32> {
    const LARGEST: usize = 12;
    let phase = data("phase").into_dimensionality::<Ix3>().unwrap();
    let width = 2.0 * 40.0 * WaveParams::<f32>::free(1.0).m_per_hbar();
    // Modes beyond the largest are 1e-9 of the first ones.
    let index = |n: usize| match n {
        n if n <= LARGEST => Some((n, n as f64)),
        n if n >= N - LARGEST => Some((n + 2 * LARGEST + 1 - N, n as f64 - N as f64)),
        _ => None,
    };
    let mut psi = Array3::from_shape_fn(mesh.shape(), |(i, j, k)| {
        let (Some((a, x)), Some((b, y)), Some((c, z))) = (index(i), index(j), index(k)) else {
            return Complex::default();
        };
        let unit = std::f64::consts::TAU / mesh.size()[0];
        let k2 = unit * unit * (x * x + y * y + z * z);
        let turn = std::f64::consts::TAU * phase[[a, b, c]];
        Complex::from_polar((-k2 / (width * width)).exp(), turn)
    });
    Fft::<f64>::new(mesh.cells()).inverse(&mut psi);
    let mean = psi.iter().map(|z| z.norm_sqr()).sum::<f64>() / psi.len() as f64;
    let scale = (0.85e7 / mean).sqrt();
    let narrow = |z: Complex<f64>| Complex::new((scale * z.re) as f32, (scale * z.im) as f32);
    WaveState {
        psi: psi.mapv(narrow),
    }
}

#[test]
fn gas_heated_by_granules() {
    let mesh = Mesh::new([N; 3], [4.0; 3]).unwrap();
    let scheme = Scheme {
        flux: Flux::LaxFriedrichs,
        limiter: Limiter::Jaxion,
        ..Scheme::default()
    };
    let gas = IsothermalGas::<f32>::new(&mesh, scheme).unwrap();
    let p = IsothermalParams { sound_speed: 20.0 };
    let mut fields = vec![Array3::zeros(mesh.shape()); 4];
    fields[0].fill(0.15e7);
    let start = FromPrimitive::<Isothermal>::new(&mesh)
        .apply(&p, fields)
        .unwrap();
    let p = ((WaveParams::free(1.0), p), Background::none());
    let matter = (Wave::new(&mesh), gas);
    let (wave, gas) = run(&mesh, matter, p, (granules(&mesh), start), 0.4);
    agree("psi", magnitude(&wave), 2573.253);
    let velocity = |momentum: &Array3<f32>| mean_size((momentum / &gas.density).iter());
    agree("vx", velocity(&gas.momentum_x), 4.6109166);
    agree("vy", velocity(&gas.momentum_y), 2.9255207);
    agree("vz", velocity(&gas.momentum_z), 4.1069093);
}

#[test]
fn stars_heated_by_granules() {
    let mesh = Mesh::new([N; 3], [4.0; 3]).unwrap();
    let of = |name| -> Array2<f32> {
        let array = data(name).into_dimensionality::<Ix2>().unwrap();
        array.mapv(|x| x as f32)
    };
    let stars = ParticleState {
        position: of("position"),
        velocity: of("velocity"),
        mass: Array1::from_elem(400, (0.15e7 * 64.0 / 400.0) as f32),
    };
    let matter = (Wave::new(&mesh), Particles::new(&mesh));
    let p = ((WaveParams::free(1.0), ()), Background::none());
    let (wave, stars) = run(&mesh, matter, p, (granules(&mesh), stars), 0.4);
    agree("psi", magnitude(&wave), 2574.395);
    for (axis, stated) in [16.625353, 17.345486, 18.218296].into_iter().enumerate() {
        let column = stars.velocity.column(axis);
        agree("velocity", mean_size(column.iter()), stated);
    }
}

#[test]
fn soliton_stripped_by_tides() {
    let mesh = Mesh::new([N; 3], [10.0; 3]).unwrap();
    let (mass, wave_number, separation) = (1e9, 4.0, 2.0);
    let radius = 2.2e8 / mass;
    let psi = Array3::from_shape_fn(mesh.shape(), |(i, j, k)| {
        let [x, y, z] = mesh.centre([i, j, k]);
        let r2 = (x - 5.0).powi(2) + (y - 5.0 - separation).powi(2) + (z - 5.0).powi(2);
        let profile = 1.0 + 0.091 * r2 / (radius * radius);
        let rho = 1.9e7 * radius.powi(-4) / profile.powi(8);
        let z = Complex::from_polar(rho.sqrt(), wave_number * x);
        Complex::new(z.re as f32, z.im as f32)
    });
    let m_per_hbar = WaveParams::<f32>::free(1.0).m_per_hbar();
    let halo = 0.25 * 10.0 * (wave_number / m_per_hbar).powi(2) / G;
    let potential = Array3::from_shape_fn(mesh.shape(), |(i, j, k)| {
        let r = mesh.centre([i, j, k]).map(|x| (x - 5.0).powi(2));
        let r = r.iter().sum::<f64>().sqrt();
        (-G * halo / (r + 0.5 * mesh.spacing()[0])) as f32
    });
    let background = Background(Some(Gravity {
        potential,
        acceleration: None,
    }));
    let wave = Wave::<f32>::new(&mesh);
    assert!(!wave.needs_acceleration());
    let p = (WaveParams::free(1.0), background);
    let wave = run(&mesh, wave, p, WaveState { psi }, 1.0);
    agree("psi", magnitude(&wave), 639.04846);
}
