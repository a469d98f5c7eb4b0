//! A star cluster dissolves into a stream like GD-1, and the stream tells what the Galaxy weighs.
//!
//! `cargo run --release -p adastra-example-gd1-stream` writes `picture.png` beside this crate.
//!
//! The progenitor is traced back from where it is today for the time since its accretion, a
//! Plummer sphere of stars is put there, and all stars fall in a halo and a disk while they
//! attract each other. An observer at the Sun compares them, in the frame of GD-1, with a mock
//! stream of another draw of stars. L-BFGS recovers the time since the accretion, the mass of the
//! progenitor, and the masses of halo and disk; every derivative is exact, that of the pairs'
//! attraction included.
//!
//! The progenitor is loose, and its softening as long as its scale radius, so that no star is
//! thrown about by another. With a tight cluster the run is chaotic: its exact gradient is then
//! that of every close encounter, and leads nowhere. The program prints the Lyapunov time; over a
//! few of them, as here, the loss is smooth enough to descend.
//!
//! It ends with uncertainties, from the Gauss-Newton Hessian of the track of the stream: its density
//! and means at knots along it, with the standard errors that the number of its stars leaves; and
//! with the derivative of the loss by the shape of the halo, which the fit holds fixed.

use std::error::Error;
use std::ops::ControlFlow;

use adastra_core::{
    Adjoint, Evolve, Focus, Operator, Result, ReversibleSchedule, Shared, State, Tangent,
};
use adastra_io::picture::{Curve, Figure, Plot, Scale};
use adastra_nbody::{
    Galaxy, Growth, Integration, Likeness, MiyamotoNagai, NBody, NBodyParams, Observer, Progenitor,
    ProgenitorParams, Scheme, SelfGravity, Sky, Sphere, Track, TriaxialNfw,
};
use adastra_optimize::{Fisher, Lbfgs, Method, Noise, Problem};
use ndarray::Array2;

const STARS: usize = 600;
const STEPS: usize = 500;
/// In kpc.
const SOFTENING: f64 = 0.2;
/// Of the progenitor, in kpc.
const SCALE_RADIUS: f64 = 0.2;
/// Where the progenitor is today, in kpc, and how it moves, in km/s: about as found for GD-1 by
/// Webb & Bovy (2019, MNRAS 485, 5929), whose x axis points the other way.
const POSITION: [f64; 3] = [-11.8, 0.79, 6.4];
const VELOCITY: [f64; 3] = [-109.5, -254.5, -90.3];
/// Time since the accretion in kpc/(km/s) (978 Myr), masses of progenitor, halo and disk in Msun.
const TRUTH: [f64; 4] = [1.5, 1e7, 4.37e11, 6.8e10];
const NAMES: [&str; 4] = ["time", "progenitor", "halo", "disk"];
/// Widths of the kernel: degrees, kpc, mas/yr, km/s.
const WIDTHS: [f64; 6] = [20.0, 4.0, 2.0, 2.0, 2.0, 40.0];
/// Knots along the stream, and the width of what counts at each, in degrees.
const KNOTS: [f64; 9] = [-120.0, -100.0, -80.0, -60.0, -40.0, -20.0, 0.0, 20.0, 40.0];
const WIDTH: f64 = 10.0;

type P = ProgenitorParams<f64>;
type Run = Focus<Evolve<f64, Integration>, P, NBodyParams<f64>>;

/// The chain from the parameters to the stars on the sky.
struct Stream {
    stars: Shared<Progenitor, Run>,
    integration: Integration,
    sky: Sky,
}

impl Stream {
    fn new(seed: u64) -> Result<Self> {
        let galaxy = Galaxy::new().with(TriaxialNfw).with(MiyamotoNagai);
        let scheme = Scheme::DriftKickDrift;
        let sphere = Sphere::plummer(STARS, 5.0, seed)?;
        let progenitor = Progenitor::new(sphere, galaxy.clone(), scheme, STEPS);
        let system = NBody::new(SelfGravity::new(), galaxy);
        let integration = Integration::new(system, scheme, STEPS).ending_at(0.0);
        let schedule = ReversibleSchedule::Reconstruct { anchors: 20 };
        let run = Evolve::reversible(integration.clone(), schedule);
        Ok(Self {
            stars: Shared(progenitor, Focus::new(run, |p: &P| &p.run, |p| &mut p.run)),
            integration,
            sky: Sky::gd1(&Observer::default()),
        })
    }

    /// A spherical halo of scale radius 16 kpc; a disk 3 kpc long and 0.28 kpc high.
    fn params([time, progenitor, halo, disk]: [f64; 4]) -> P {
        let galaxy = [halo, 16.0, 1.0, 1.0, disk, 3.0, 0.28];
        let run = NBodyParams::new(time, SOFTENING, galaxy);
        ProgenitorParams::new(run, progenitor, SCALE_RADIUS, POSITION, VELOCITY)
    }

    /// The stars today on the sky, shape (stars, 6).
    fn see(&self, theta: [f64; 4]) -> Result<Array2<f64>> {
        let stars = self.stars.apply(&Self::params(theta), ())?;
        self.sky.apply(&(), stars)
    }

    /// The loss of the stars today and its gradient by all parameters.
    fn loss(&self, likeness: &Likeness, theta: [f64; 4]) -> Result<(f64, P)> {
        let p = Self::params(theta);
        let (stars, run) = self.stars.record(&p, ())?;
        let (seen, sky) = self.sky.record(&(), stars)?;
        let (value, saved) = likeness.record(&(), seen)?;
        let bar = likeness.vjp(&(), saved, 1.0, &mut ())?;
        let bar = self.sky.vjp(&(), sky, bar, &mut ())?;
        let mut p_bar = State::<f64>::zeros_like(&p);
        self.stars.vjp(&p, run, bar, &mut p_bar)?;
        Ok((value, p_bar))
    }

    /// How a perturbation of the first stars grows until today.
    fn growth(&self, theta: [f64; 4]) -> Result<Growth> {
        let p = Self::params(theta);
        let first = self.stars.0.apply(&p, ())?;
        Growth::random(&self.integration, &p.run, first, 1)
    }

    /// The derivative of the track by the logarithm of one of the four parameters.
    fn sensitivity(&self, track: &Track, theta: [f64; 4], k: usize) -> Result<Vec<f64>> {
        let p = Self::params(theta);
        let mut dp = State::<f64>::zeros_like(&p);
        *number(&mut dp, k) = theta[k];
        let (stars, dstars) = self.stars.jvp(&p, &dp, (), ())?;
        let (seen, dseen) = self.sky.jvp(&(), &(), stars, dstars)?;
        let (_, dtrack) = track.jvp(&(), &(), seen, dseen)?;
        Ok(dtrack.iter().copied().collect())
    }
}

/// The four parameters among all.
fn number(p: &mut P, k: usize) -> &mut f64 {
    match k {
        0 => &mut p.run.span,
        1 => &mut p.mass,
        2 => &mut p.run.galaxy[0],
        _ => &mut p.run.galaxy[4],
    }
}

/// Logarithms over those of the truth are the unknowns: all are of order one.
fn theta(x: &[f64]) -> [f64; 4] {
    std::array::from_fn(|k| TRUTH[k] * x[k].exp())
}

fn panel(title: &str, mock: &Array2<f64>, seen: &Array2<f64>, column: usize, label: &str) -> Plot {
    let points = |a: &Array2<f64>| {
        let rows = a.rows().into_iter().map(|r| (r[0], r[column]));
        Curve::new(rows.collect::<Vec<_>>()).scatter()
    };
    Plot::new()
        .title(title)
        .labels("phi1 [deg]", label)
        .curve(points(mock).label("mock"))
        .curve(points(seen).label("model"))
}

fn main() -> Result<(), Box<dyn Error>> {
    let mock = Stream::new(1)?.see(TRUTH)?;
    let likeness = Likeness::maximum_mean_discrepancy(&mock, &WIDTHS)?;
    let stream = Stream::new(2)?;
    let growth = stream.growth(TRUTH)?;
    println!(
        "a perturbation of the stars grows by {:.0}; Lyapunov time {:.2} kpc/(km/s)",
        growth.factor(),
        growth.lyapunov_time()
    );

    let start = [0.08, 0.3, -0.08, 0.08];
    let before = stream.see(theta(&start))?;
    let objective = |x: &[f64]| {
        let at = theta(x);
        let (loss, mut bar) = stream.loss(&likeness, at)?;
        let by_logarithm = (0..4).map(|k| at[k] * *number(&mut bar, k)).collect();
        Ok::<_, adastra_core::Error>((loss, by_logarithm))
    };
    let mut path = Vec::new();
    let options = Lbfgs {
        iterations: 60,
        first_step: 0.05,
        loss_tolerance: 1e-5,
        ..Lbfgs::default()
    };
    let found =
        Problem::new(start.to_vec(), objective)?.minimize(&Method::Lbfgs(options), |progress| {
            let line = progress.iteration;
            println!("{:3}  loss {:.6}", line.iteration, line.loss);
            path.push((line.iteration as f64, line.loss, progress.x.to_vec()));
            ControlFlow::Continue(())
        })?;
    let at = theta(&found.x);
    println!("{} ({} evaluations)", found.termination, found.evaluations);
    let track = Track::new(&KNOTS, WIDTH)?;
    let noise = track.standard_errors(&mock)?.iter().copied().collect();
    let fisher = Fisher::of(&NAMES, &Noise::Independent(noise), |k| {
        stream.sensitivity(&track, at, k)
    })?;
    let bound = fisher.uncertainties()?;
    for k in 0..4 {
        let error = 100.0 * (at[k] / TRUTH[k] - 1.0);
        println!(
            "{:10} {:10.4e}, {error:+.1} % of the truth; uncertain by {:.1} %",
            NAMES[k],
            at[k],
            100.0 * bound.sigma[k]
        );
    }
    println!(
        "condition number of the Fisher matrix: {:.0}",
        bound.condition
    );
    let (_, bar) = stream.loss(&likeness, theta(&start))?;
    println!(
        "derivatives of the loss at the start by the axis ratios of the halo: {:.3} (y), {:.3} (z)",
        bar.run.galaxy[2], bar.run.galaxy[3]
    );

    let after = stream.see(at)?;
    let loss = path.iter().map(|(i, loss, _)| (*i, *loss));
    let loss = Plot::new()
        .labels("iteration", "discrepancy")
        .scales(Scale::Linear, Scale::Logarithmic)
        .curve(Curve::new(loss.collect::<Vec<_>>()));
    let mut parameters = Plot::new().labels("iteration", "parameter / truth");
    for (k, name) in NAMES.iter().enumerate() {
        let curve = path.iter().map(|(i, _, x)| (*i, x[k].exp()));
        parameters = parameters.curve(Curve::new(curve.collect::<Vec<_>>()).label(name));
    }
    Figure::new()
        .columns(2)
        .panel(panel("start", &mock, &before, 1, "phi2 [deg]"))
        .panel(panel("recovered", &mock, &after, 1, "phi2 [deg]"))
        .panel(panel(
            "recovered",
            &mock,
            &after,
            5,
            "radial velocity [km/s]",
        ))
        .panel(panel("recovered", &mock, &after, 2, "distance [kpc]"))
        .panel(loss)
        .panel(parameters)
        .save(concat!(env!("CARGO_MANIFEST_DIR"), "/picture.png"))?;
    Ok(())
}
