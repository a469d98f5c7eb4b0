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
//! that of every close encounter, and leads nowhere. The program prints how much a perturbation of
//! the stars grows; by a few tens, as here, the loss is smooth enough to descend.

use std::error::Error;
use std::ops::ControlFlow;

use adastra_core::{Adjoint, Evolve, Operator, Result, ReversibleSchedule, State, Tangent};
use adastra_io::picture::{Curve, Figure, Plot, Scale};
use adastra_nbody::{
    Galaxy, Integration, Likeness, MiyamotoNagai, NBody, NBodyParams, Nfw, Observer, ParticleState,
    Scheme, SelfGravity, Sky, Sphere, SphereParams,
};
use adastra_optimize::{Lbfgs, Method, Problem};
use ndarray::{Array1, Array2, Axis, arr1, arr2};

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
/// Scale radius of the halo; scale length and height of the disk; in kpc.
const GALAXY: [f64; 3] = [16.0, 3.0, 0.28];
/// Time since the accretion in kpc/(km/s) (978 Myr), masses of progenitor, halo and disk in Msun.
const TRUTH: [f64; 4] = [1.5, 1e7, 4.37e11, 6.8e10];
const NAMES: [&str; 4] = ["time", "progenitor", "halo", "disk"];
/// Widths of the kernel: degrees, kpc, mas/yr, km/s.
const WIDTHS: [f64; 6] = [20.0, 4.0, 2.0, 2.0, 2.0, 40.0];

/// The chain from four parameters to the stars on the sky.
struct Stream {
    sphere: Sphere,
    orbit: Evolve<f64, Integration>,
    stars: Evolve<f64, Integration>,
    sky: Sky,
}

impl Stream {
    fn new(seed: u64) -> Result<Self> {
        let galaxy = Galaxy::new().with(Nfw).with(MiyamotoNagai);
        let run = |system: NBody| {
            let run = Integration::new(system, Scheme::DriftKickDrift, STEPS);
            Evolve::reversible(run, ReversibleSchedule::Reconstruct { anchors: 20 })
        };
        Ok(Self {
            sphere: Sphere::plummer(STARS, 5.0, seed)?,
            orbit: run(NBody::test_particles(galaxy.clone())),
            stars: run(NBody::new(SelfGravity::new(), galaxy)),
            sky: Sky::gd1(&Observer::default()),
        })
    }

    fn params([time, _, halo, disk]: [f64; 4]) -> NBodyParams<f64> {
        let [r_s, a, b] = GALAXY;
        NBodyParams::new(time, SOFTENING, [halo, r_s, disk, a, b])
    }

    /// The progenitor today.
    fn today() -> Result<ParticleState<f64>> {
        ParticleState::new(arr2(&[POSITION]), arr2(&[VELOCITY]), arr1(&[0.0]))
    }

    fn progenitor(then: &ParticleState<f64>, mass: f64) -> SphereParams<f64> {
        let mut p = SphereParams::new(mass, SCALE_RADIUS);
        p.position.assign(&then.position.row(0));
        p.velocity.assign(&then.velocity.row(0));
        p
    }

    /// The stars today on the sky, shape (stars, 6).
    fn see(&self, theta: [f64; 4]) -> Result<Array2<f64>> {
        let forth = Self::params(theta);
        let back = NBodyParams {
            span: -forth.span,
            ..forth.clone()
        };
        let then = self.orbit.apply(&back, Self::today()?)?;
        let stars = self.sphere.apply(&Self::progenitor(&then, theta[1]), ())?;
        self.sky.apply(&(), self.stars.apply(&forth, stars)?)
    }

    /// The loss of the stars today and its gradient by the four parameters.
    fn loss(&self, likeness: &Likeness, theta: [f64; 4]) -> Result<(f64, [f64; 4])> {
        let forth = Self::params(theta);
        let back = NBodyParams {
            span: -forth.span,
            ..forth.clone()
        };
        let (then, orbit) = self.orbit.record(&back, Self::today()?)?;
        let p = Self::progenitor(&then, theta[1]);
        let (stars, ()) = self.sphere.record(&p, ())?;
        let (stars, run) = self.stars.record(&forth, stars)?;
        let (seen, sky) = self.sky.record(&(), stars)?;
        let (value, saved) = likeness.record(&(), seen)?;

        let bar = likeness.vjp(&(), saved, 1.0, &mut ())?;
        let bar = self.sky.vjp(&(), sky, bar, &mut ())?;
        let mut forth_bar = State::<f64>::zeros_like(&forth);
        let bar = self.stars.vjp(&forth, run, bar, &mut forth_bar)?;
        let mut p_bar = State::<f64>::zeros_like(&p);
        self.sphere.vjp(&p, (), bar, &mut p_bar)?;
        let bar = ParticleState {
            position: p_bar.position.insert_axis(Axis(0)),
            velocity: p_bar.velocity.insert_axis(Axis(0)),
            mass: Array1::zeros(1),
        };
        let mut back_bar = State::<f64>::zeros_like(&back);
        self.orbit.vjp(&back, orbit, bar, &mut back_bar)?;
        let galaxy = &forth_bar.galaxy + &back_bar.galaxy;
        let gradient = [
            forth_bar.span - back_bar.span,
            p_bar.mass,
            galaxy[0],
            galaxy[2],
        ];
        Ok((value, gradient))
    }

    /// By how much a perturbation of the first positions grows until today.
    fn growth(&self, theta: [f64; 4]) -> Result<f64> {
        let p = Self::params(theta);
        let still = State::<f64>::zeros_like(&p);
        let stars = self
            .sphere
            .apply(&SphereParams::new(theta[1], SCALE_RADIUS), ())?;
        let mut stars = stars;
        stars.position += &arr1(&POSITION);
        stars.velocity += &arr1(&VELOCITY);
        let mut d = State::<f64>::zeros_like(&stars);
        // Away from the mean, star by star: none of it moves the cluster as a whole.
        for (i, x) in d.position.iter_mut().enumerate() {
            *x = (12.9898 * i as f64).sin();
        }
        let size = |d: &ParticleState<f64>| d.position.mapv(|x| x * x).sum().sqrt();
        let first = size(&d);
        let (_, d) = self.stars.jvp(&p, &still, stars, d)?;
        Ok(size(&d) / first)
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
    println!("a perturbation grows by {:.0}", stream.growth(TRUTH)?);

    let start = [0.08, 0.3, -0.08, 0.08];
    let before = stream.see(theta(&start))?;
    let objective = |x: &[f64]| {
        let at = theta(x);
        let (loss, gradient) = stream.loss(&likeness, at)?;
        let by_logarithm = gradient.iter().zip(at).map(|(g, at)| g * at).collect();
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
    for k in 0..4 {
        let error = 100.0 * (at[k] / TRUTH[k] - 1.0);
        println!(
            "{:10} {:10.4e}, {error:+.1} % of the truth",
            NAMES[k], at[k]
        );
    }

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
