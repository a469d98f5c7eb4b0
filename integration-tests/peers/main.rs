//! Times adastra on the cases of `peers.sh`; prints one JSON object, as `jaxion_times.py` does.
//!
//! `adastra-peers CASE --cells N --steps N --particles N --precision f32|f64 --repeat N
//! --schedule store|reversible`, CASE being `forward`, `gradient`, `letter`, `gas` (gas alone), `all`
//! (waves, gas and particles), `gas-gradient` (value and gradient of gas alone) or `gas-ideal` (ideal
//! gas alone, see `astronomix_times.py`).

use std::sync::Arc;
use std::time::Instant;

use adastra::core::{
    Evolve, Fields, Operator, Real, Repeat, ReversibleSchedule, Schedule, State, Storage,
};
use adastra::fdm::{Wave, WaveParams, WaveState, uniform};
use adastra::gravity::{Background, Leapfrog, Matter, MatterReversible, SelfGravity};
use adastra::grid::Mesh;
use adastra::hydro::{
    Drift, Flux, FromPrimitive, Ideal, IdealGas, IdealParams, Isothermal, IsothermalGas,
    IsothermalParams, IsothermalState, Limiter, Scheme,
};
use adastra::particles::{ParticleState, Particles};
use ndarray::{Array1, Array2, Array3, Axis};
use num_complex::Complex;

struct Options {
    case: String,
    cells: usize,
    steps: usize,
    particles: usize,
    repeat: usize,
    schedule: String,
    precision: String,
}

fn options() -> Option<Options> {
    let mut arguments = std::env::args().skip(1);
    let mut o = Options {
        case: arguments.next()?,
        cells: 64,
        steps: 10,
        particles: 0,
        repeat: 5,
        schedule: "store".into(),
        precision: "f32".into(),
    };
    while let Some(name) = arguments.next() {
        let value = arguments.next()?;
        match name.as_str() {
            "--cells" => o.cells = value.parse().ok()?,
            "--steps" => o.steps = value.parse().ok()?,
            "--particles" => o.particles = value.parse().ok()?,
            "--repeat" => o.repeat = value.parse().ok()?,
            "--schedule" => o.schedule = value,
            "--precision" => o.precision = value,
            _ => return None,
        }
    }
    Some(o)
}

/// The peer's wave: see `jaxion_times.py`.
fn wave<T: Real>(mesh: &Mesh) -> WaveState<T> {
    let k = std::f64::consts::TAU / mesh.size()[0];
    let psi = Array3::from_shape_fn(mesh.shape(), |(i, j, l)| {
        let [x, y, z] = mesh.centre([i, j, l]);
        let amplitude =
            1.0 + 0.3 * (k * x + 0.1).cos() + 0.2 * (k * y + 0.7).sin() * (2.0 * k * z + 0.3).cos();
        let phase = 0.4 * (k * x + k * y + 0.2).sin() + 0.3 * (k * z - k * x + 0.5).cos();
        let psi = Complex::from_polar(1e7f64.sqrt() * amplitude, phase);
        Complex::new(T::of(psi.re), T::of(psi.im))
    });
    WaveState { psi }
}

fn stars<T: Real>(n: usize, size: f64) -> ParticleState<T> {
    let alpha = [0.8191725133961645, 0.6710436067037893, 0.5497004779019703];
    let position = Array2::from_shape_fn((n, 3), |(j, d)| {
        T::of(size * (0.5 + (j + 1) as f64 * alpha[d]).fract())
    });
    let velocity = Array2::from_shape_fn((n, 3), |(j, d)| {
        let j = (j + 1) as f64;
        T::of(30.0 * [j.sin(), (2.0 * j).cos(), (3.0 * j + 0.5).sin()][d])
    });
    let mass = Array1::from_elem(n, T::of(1e7 * 64.0 / n.max(1) as f64));
    ParticleState {
        position,
        velocity,
        mass,
    }
}

fn lattice<T: Real>(size: f64) -> ParticleState<T> {
    let position = Array2::from_shape_fn((64, 3), |(j, d)| {
        let at = [(j / 8) as f64 + 0.5, (j % 8) as f64 + 0.5, 4.0];
        T::of(at[d] * size / 8.0)
    });
    let velocity = Array2::from_elem((64, 3), T::one());
    ParticleState {
        position,
        velocity,
        mass: Array1::from_elem(64, T::of(1e7)),
    }
}

/// The mean square of the projected density over its mean minus a target, and its derivative.
fn loss<T: Real>(psi: &Array3<Complex<T>>) -> (f64, Array3<Complex<T>>) {
    let nz = psi.len_of(Axis(2)) as f64;
    let projected = psi.mapv(|z| z.norm_sqr().f64()).sum_axis(Axis(2)) / nz;
    let n = projected.len() as f64;
    let mean = projected.sum() / n;
    let target =
        Array2::from_shape_fn(projected.dim(), |(i, _)| 1.0 + 0.5 * (i as f64 * 0.3).cos());
    let difference = &projected / mean - &target;
    let value = difference.mapv(|d| d * d).sum() / n;
    let bar = &difference * (2.0 / n);
    let shared = (&bar * &projected).sum() / (n * mean * mean);
    let mut psi_bar = psi.clone();
    for ((i, j, _), z) in psi_bar.indexed_iter_mut() {
        *z *= T::of(2.0 * (bar[[i, j]] / mean - shared) / nz);
    }
    (value, psi_bar)
}

fn time<T, M, P>(
    o: &Options,
    matter: M,
    mesh: &Mesh,
    p: M::Params,
    x: M::State,
    psi: P,
    begin: Instant,
) -> Result<(), adastra::core::Error>
where
    T: Real,
    M: MatterReversible<T> + Matter<T> + 'static,
    P: Fn(&mut M::State) -> &mut Array3<Complex<T>>,
{
    let m_per_hbar = adastra::fdm::M_PER_HBAR_22;
    let dt = m_per_hbar / 6.0 * mesh.spacing()[0].powi(2);
    let leapfrog = Leapfrog::new(Arc::new(SelfGravity::new(mesh, matter)), &vec![dt; o.steps]);
    let p = (p, Background::none());
    let run = if o.schedule == "store" {
        Evolve::new(leapfrog, Schedule::StoreAll)
    } else {
        Evolve::reversible(leapfrog, ReversibleSchedule::Reconstruct { anchors: 2 })
    };
    let report = run.predict(&x)?;
    let once = || -> Result<f64, adastra::core::Error> {
        if o.case == "forward" {
            let mut y = run.apply(&p, x.clone())?;
            return Ok(psi(&mut y)[[0, 0, 0]].re.f64());
        }
        let found = run.value_and_gradient(&p, x.clone(), |y| {
            let mut y = y.clone();
            let (value, psi_bar) = loss(psi(&mut y));
            let mut bar = y.zeros_like();
            *psi(&mut bar) = psi_bar;
            Ok((value, bar))
        })?;
        Ok(found.value)
    };
    let label = if o.case == "forward" {
        "forward"
    } else {
        &o.schedule
    };
    let bytes = (report.peak_checkpoint_bytes, Fields::<T>::bytes(&x));
    measure::<T>(o, label, mesh, begin, bytes, once)
}

/// One line of results.
#[allow(clippy::too_many_arguments)]
fn print<T: Real>(
    o: &Options,
    label: &str,
    mesh: &Mesh,
    times: &[f64],
    first: f64,
    from_start: f64,
    value: f64,
    (checkpoint_bytes, state_bytes): (usize, usize),
) {
    println!(
        "{{\"code\": \"adastra ({})\", \"case\": \"{}\", \"cells\": {}, \"particles\": {}, \
         \"precision\": \"{}\", \"steps\": {}, \"seconds\": {:e}, \"min\": {:e}, \"max\": {:e}, \
         \"first_call\": {first:e}, \"from_process_start\": {from_start:e}, \"value\": {value:e}, \
         \"checkpoint_bytes\": {}, \"state_bytes\": {}}}",
        label,
        o.case,
        mesh.cells()[0],
        o.particles,
        T::NAME,
        o.steps,
        times[times.len() / 2],
        times[0],
        times[times.len() - 1],
        checkpoint_bytes,
        state_bytes,
    );
}

/// The peer's gas: see `jaxion_times.py`.
fn gas_state<T: Real>(mesh: &Mesh) -> Result<IsothermalState<T>, adastra::core::Error> {
    FromPrimitive::<Isothermal>::new(mesh).apply(&sound(), primitives(mesh))
}

fn primitives<T: Real>(mesh: &Mesh) -> Vec<Array3<T>> {
    let k = std::f64::consts::TAU / mesh.size()[0];
    let field = |f: fn(f64, f64, f64) -> f64| {
        Array3::from_shape_fn(mesh.shape(), |(i, j, l)| {
            let [x, y, z] = mesh.centre([i, j, l]).map(|x| k * x);
            T::of(f(x, y, z))
        })
    };
    vec![
        field(|x, y, z| {
            let wave = 0.2 * (x + 0.3).sin() * (y + 0.4).cos() + 0.1 * (2.0 * z + y + 0.9).cos();
            0.15e7 * (1.0 + wave)
        }),
        field(|x, y, z| 8.0 * (y + 0.2).sin() + 3.0 * (x + 2.0 * z + 0.6).cos()),
        field(|x, y, z| 6.0 * (z + 0.5).cos() - 2.0 * (2.0 * x + y + 0.1).sin()),
        field(|x, y, z| 5.0 * (x + 0.8).sin() + 4.0 * (y + z + 1.1).cos()),
    ]
}

/// Ideal gas alone, with the scheme of `astronomix_times.py`.
fn ideal<T: Real>(o: &Options, mesh: &Mesh, begin: Instant) -> Result<(), adastra::core::Error> {
    let scheme = Scheme {
        flux: Flux::Hll,
        limiter: Limiter::Minmod,
        cfl: 1.0,
        density_floor: 0.0,
        pressure_floor: 0.0,
    };
    let gas =
        IdealGas::<T>::new(mesh, scheme).map_err(|e| adastra::core::Error::operator("gas", e))?;
    let p = IdealParams {
        adiabatic_index: T::of(5.0 / 3.0),
    };
    let mut w = primitives(mesh);
    w.push(Array3::from_elem(mesh.shape(), T::of(0.15e7 * 240.0)));
    let x = FromPrimitive::<Ideal>::new(mesh).apply(&p, w)?;
    let repeat = Repeat {
        op: Drift::new(&Arc::new(gas), 0.01 * mesh.spacing()[0]),
        n: o.steps,
    };
    let run = Evolve::new(repeat, Schedule::StoreAll);
    let bytes = (0, Fields::<T>::bytes(&x));
    let once = || Ok(run.apply(&p, x.clone())?.density[[0, 0, 0]].f64());
    measure::<T>(o, "forward", mesh, begin, bytes, once)
}

/// Times a case and prints its line.
fn measure<T: Real>(
    o: &Options,
    label: &str,
    mesh: &Mesh,
    begin: Instant,
    bytes: (usize, usize),
    once: impl Fn() -> Result<f64, adastra::core::Error>,
) -> Result<(), adastra::core::Error> {
    let first = Instant::now();
    let value = once()?;
    let (first, from_start) = (first.elapsed().as_secs_f64(), begin.elapsed().as_secs_f64());
    let mut times: Vec<f64> = Vec::new();
    for _ in 0..o.repeat {
        let begin = Instant::now();
        once()?;
        times.push(begin.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    print::<T>(o, label, mesh, &times, first, from_start, value, bytes);
    Ok(())
}

fn sound<T: Real>() -> IsothermalParams<T> {
    IsothermalParams {
        sound_speed: T::of(20.0),
    }
}

/// Gas alone, or with waves and particles, with the peer's scheme.
fn gas<T: Real>(o: &Options, mesh: &Mesh, begin: Instant) -> Result<(), adastra::core::Error> {
    let scheme = Scheme {
        flux: Flux::LaxFriedrichs,
        limiter: Limiter::Jaxion,
        cfl: 1.0,
        density_floor: 0.0,
        pressure_floor: 0.0,
    };
    let gas = IsothermalGas::<T>::new(mesh, scheme)
        .map_err(|e| adastra::core::Error::operator("gas", e))?;
    let dt = adastra::fdm::M_PER_HBAR_22 / 6.0 * mesh.spacing()[0].powi(2);
    let x = gas_state::<T>(mesh)?;
    let once: Box<dyn Fn() -> Result<f64, adastra::core::Error>>;
    let mut bytes = (0, Fields::<T>::bytes(&x));
    if o.case == "all" {
        let matter = (Wave::<T>::new(mesh), gas, Particles::new(mesh));
        let leapfrog = Leapfrog::new(Arc::new(SelfGravity::new(mesh, matter)), &vec![dt; o.steps]);
        let run = Evolve::new(leapfrog, Schedule::StoreAll);
        let p = (
            (WaveParams::free(T::one()), sound(), ()),
            Background::none(),
        );
        let x = (wave(mesh), x, stars(o.particles, mesh.size()[0]));
        once = Box::new(move || Ok(run.apply(&p, x.clone())?.1.density[[0, 0, 0]].f64()));
    } else {
        let repeat = Repeat {
            op: Drift::new(&Arc::new(gas), dt),
            n: o.steps,
        };
        let budget_bytes = 12 * bytes.1;
        let schedule = match o.schedule.as_str() {
            "store" => Schedule::StoreAll,
            _ => Schedule::Checkpoint {
                budget_bytes,
                storage: Storage::Memory,
            },
        };
        let run = Evolve::new(repeat, schedule);
        bytes.0 = run.predict(&x)?.peak_checkpoint_bytes;
        let gradient = o.case == "gas-gradient";
        once = Box::new(move || {
            if !gradient {
                return Ok(run.apply(&sound(), x.clone())?.density[[0, 0, 0]].f64());
            }
            let found =
                run.value_and_gradient(&sound(), x.clone(), |y| Ok((y.dot(y), y.clone())))?;
            Ok(found.value)
        });
    }
    let label = if o.case == "gas-gradient" {
        &o.schedule
    } else {
        "forward"
    };
    measure::<T>(o, label, mesh, begin, bytes, once)
}

fn case<T: Real>(mut o: Options, begin: Instant) -> Result<(), Box<dyn std::error::Error>> {
    let letter = o.case == "letter";
    if letter {
        (o.cells, o.particles) = (32, 64);
    }
    let size = if letter { 20.0 } else { 10.0 };
    let mesh = Mesh::new([o.cells; 3], [size; 3])?;
    if ["gas", "gas-gradient", "all"].contains(&o.case.as_str()) {
        return Ok(gas::<T>(&o, &mesh, begin)?);
    }
    if o.case == "gas-ideal" {
        return Ok(ideal::<T>(&o, &mesh, begin)?);
    }
    let params = WaveParams::<T>::free(T::one());
    let start = if letter {
        uniform(&mesh, 1e5)?
    } else {
        wave(&mesh)
    };
    if o.particles == 0 {
        time(
            &o,
            Wave::<T>::new(&mesh),
            &mesh,
            params,
            start,
            |x| &mut x.psi,
            begin,
        )?;
    } else {
        let stars = if letter {
            lattice(size)
        } else {
            stars(o.particles, size)
        };
        let matter = (Wave::<T>::new(&mesh), Particles::new(&mesh));
        time(
            &o,
            matter,
            &mesh,
            (params, ()),
            (start, stars),
            |x| &mut x.0.psi,
            begin,
        )?;
    }
    Ok(())
}

fn main() -> std::process::ExitCode {
    let begin = Instant::now();
    let Some(options) = options() else {
        eprintln!("usage: adastra-peers forward|gradient|letter [--cells N] [--steps N] ...");
        return std::process::ExitCode::from(2);
    };
    let done = if options.precision == "f64" {
        case::<f64>(options, begin)
    } else {
        case::<f32>(options, begin)
    };
    match done {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e}");
            std::process::ExitCode::from(2)
        }
    }
}
