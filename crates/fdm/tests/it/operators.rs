//! Gradient checks of every operator and of whole leapfrog elements.

use adastra_check as check;
use adastra_core::{Adjoint, Fields, Operator, Real, Result, State};
use adastra_fdm::{
    AbsorberParams, AbsorbingWave, Density, Drift, Kick, Wave, WaveParams, WaveState, sponge,
};
use adastra_gravity::{Background, Element, KickDrift, Matter, MatterAdjoint, SelfGravity};
use adastra_grid::{Gravity, Mesh};
use proptest::prelude::*;

use crate::common::smooth_wave;

/// Unequal numbers of cells and spacings: an exchanged axis shows.
fn mesh() -> Mesh {
    Mesh::new([4, 6, 10], [3.0, 4.0, 5.0]).unwrap()
}

fn waves(rms: f64) -> impl Strategy<Value = WaveState<f64>> {
    check::complex(mesh().shape(), rms).prop_map(|psi| WaveState { psi })
}

fn axions() -> impl Strategy<Value = WaveParams<f64>> {
    (0.5..3.0, -1.0..1.0).prop_map(|(mass, coupling)| WaveParams { mass, coupling })
}

#[test]
fn density() {
    let op = Density::new(&Wave::<f64>::new(&mesh()));
    check::tangent(&op, (Just(()), waves(1.0)));
}

#[test]
fn drift() {
    let op = Drift::new(&Wave::<f64>::new(&mesh()), 0.02);
    check::tangent(&op, (axions(), waves(2.0)));
    check::reversible(&op, (axions(), waves(2.0)));
}

#[test]
fn kick() {
    let op = Kick::new(&Wave::<f64>::new(&mesh()), 0.02);
    // c1 rho = 3e-7 g/m^2 rho is of order 300 (km/s)^2 here, as is V.
    let inputs = || {
        let potential = check::normal(mesh().shape(), 0.0, 300.0);
        ((axions(), potential), waves(3e4))
    };
    check::tangent(&op, inputs());
    check::reversible(&op, inputs());
}

/// Both terms of the self-interaction: c1 rho is near c^2.
#[test]
fn kick_where_the_second_term_counts() {
    let op = Kick::new(&Wave::<f64>::new(&mesh()), 1e-10);
    let potential = check::normal(mesh().shape(), 0.0, 1e10);
    check::tangent(&op, ((axions(), potential), waves(5e8)));
}

/// Where the coupling is zero it has no scale for differences, but it has a derivative.
#[test]
fn kick_without_interaction_knows_the_derivative_of_the_coupling() {
    let op = Kick::new(&Wave::<f64>::new(&mesh()), 0.02);
    let x = smooth_wave(&mesh(), 1e9);
    let y_bar = smooth_wave(&mesh(), 1.0);
    let potential = x.psi.mapv(|z| 0.01 * z.re);
    let gradient = |coupling| {
        let mass = 0.7;
        let p = (WaveParams { mass, coupling }, potential.clone());
        let mut p_bar = p.zeros_like();
        op.vjp(&p, x.clone(), y_bar.clone(), &mut p_bar).unwrap();
        p_bar.0.coupling
    };
    let (zero, tiny) = (gradient(0.0), gradient(1e-9));
    assert!(
        zero.abs() > 1e-3 && (tiny / zero - 1.0).abs() < 1e-6,
        "{zero} {tiny}"
    );
}

/// The drift alone, or a kick and a drift in one, of any matter as an operator.
struct Motion<M> {
    matter: M,
    kick: Option<f64>,
    drift: f64,
}

impl<T: Real, M: Matter<T>> Operator<T> for Motion<M>
where
    M::State: Fields<T>,
{
    type Params = (M::Params, Background<T>);
    type In = M::State;
    type Out = M::State;
    fn apply(&self, p: &Self::Params, mut x: M::State) -> Result<M::State> {
        match (&p.1.0, self.kick) {
            (Some(gravity), Some(kick)) => {
                self.matter
                    .kick_drift(&p.0, &mut x, gravity, kick, self.drift)?;
            }
            _ => self.matter.drift(&p.0, &mut x, self.drift)?,
        }
        Ok(x)
    }
}

impl<T: Real, M: MatterAdjoint<T>> Adjoint<T> for Motion<M> {
    type Saved = M::State;
    fn record(&self, p: &Self::Params, x: M::State) -> Result<(M::State, M::State)> {
        Ok((self.apply(p, x.clone())?, x))
    }
    fn vjp(
        &self,
        p: &Self::Params,
        mut x: M::State,
        mut x_bar: M::State,
        p_bar: &mut Self::Params,
    ) -> Result<M::State> {
        match (&p.1.0, &mut p_bar.1.0, self.kick) {
            (Some(g), Some(g_bar), Some(kick)) => {
                let (m, bars) = (&self.matter, &mut p_bar.0);
                m.kick_drift_vjp(&p.0, &mut x, g, kick, self.drift, &mut x_bar, g_bar, bars)?;
            }
            _ => self
                .matter
                .drift_vjp(&p.0, &x, self.drift, &mut x_bar, &mut p_bar.0)?,
        }
        Ok(x_bar)
    }
}

fn backgrounds() -> impl Strategy<Value = Background<f64>> {
    let potential = check::normal(mesh().shape(), 0.0, 300.0);
    potential.prop_map(|potential| {
        Background(Some(Gravity {
            potential,
            acceleration: None,
        }))
    })
}

fn absorbers() -> impl Strategy<Value = AbsorberParams<f64>> {
    (axions(), 10.0..300.0).prop_map(|(wave, strength)| AbsorberParams { wave, strength })
}

#[test]
fn fused_kick_and_drift() {
    let op = Motion {
        matter: Wave::<f64>::new(&mesh()),
        kick: Some(0.03),
        drift: 0.02,
    };
    check::adjoint(&op, ((axions(), backgrounds()), waves(3e4)));
}

#[test]
fn absorbing_drift_and_kick() {
    let profile = sponge(&mesh(), 1.5, 0.5).unwrap();
    let matter = AbsorbingWave::<f64>::new(&mesh(), profile).unwrap();
    let drift = Motion {
        matter: matter.clone(),
        kick: None,
        drift: 0.05,
    };
    check::adjoint(
        &drift,
        ((absorbers(), Just(Background::none())), waves(3e4)),
    );
    let both = Motion {
        matter,
        kick: Some(0.03),
        drift: 0.05,
    };
    check::adjoint(&both, ((absorbers(), backgrounds()), waves(3e4)));
}

#[test]
fn leapfrog_elements() {
    let system = SelfGravity::new(&mesh(), Wave::<f64>::new(&mesh()));
    for drift in [Some(0.01), None] {
        let op = Element::new(
            &system,
            KickDrift {
                kick: 0.01,
                drift,
                source: 0.7,
            },
        );
        check::reversible(&op, ((axions(), backgrounds()), waves(3e4)));
    }
}

#[test]
fn leapfrog_element_of_an_absorbing_wave() {
    let profile = sponge(&mesh(), 1.5, 0.5).unwrap();
    let matter = AbsorbingWave::<f64>::new(&mesh(), profile).unwrap();
    let system = SelfGravity::new(&mesh(), matter);
    let op = Element::new(
        &system,
        KickDrift {
            kick: 0.01,
            drift: Some(0.01),
            source: 1.0,
        },
    );
    check::adjoint(&op, ((absorbers(), backgrounds()), waves(3e4)));
}

#[test]
fn two_waves_feel_each_other() {
    let system = SelfGravity::new(&mesh(), (Wave::<f64>::new(&mesh()), Wave::new(&mesh())));
    let op = Element::new(
        &system,
        KickDrift {
            kick: 0.01,
            drift: Some(0.01),
            source: 1.0,
        },
    );
    let parameters = ((axions(), axions()), Just(Background::none()));
    check::reversible(&op, (parameters, (waves(3e4), waves(2e4))));
}

#[test]
fn single_precision_agrees_with_double() {
    let narrow = SelfGravity::new(&mesh(), Wave::<f32>::new(&mesh()));
    let wide = SelfGravity::new(&mesh(), Wave::<f64>::new(&mesh()));
    let motion = KickDrift {
        kick: 0.005,
        drift: Some(0.01),
        source: 1.0,
    };
    let p = (
        WaveParams {
            mass: 1.3f32,
            coupling: 0.4,
        },
        Background::none(),
    );
    let p64 = (
        WaveParams {
            mass: 1.3f64,
            coupling: 0.4,
        },
        Background::none(),
    );
    let x64 = smooth_wave(&mesh(), 1e8);
    let x = WaveState {
        psi: x64
            .psi
            .mapv(|z| num_complex::Complex::new(z.re as f32, z.im as f32)),
    };
    let (op, op64) = (Element::new(&narrow, motion), Element::new(&wide, motion));
    let tolerances = check::Tolerances {
        precision: 1e-5,
        ..Default::default()
    };
    check::check_precision_at((&op, &p, &x), (&op64, &p64, &x64), 1, &tolerances).unwrap();
}
