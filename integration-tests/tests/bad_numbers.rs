//! What a run says when physics that a user wrote turns into something that is no number.

use adastra::core::Real;
use adastra::gravity::Process;
use adastra::hydro::IdealState;
use adastra::pipeline::{
    AnyProcess, Config, Nothing, ProcessPlugin, Registry, Result, Runner, Simulation, Site, World,
};

/// A user's equation of state, whose thermal energy is a power of the density less one: it fails
/// where the density falls below that.
struct Stiffening;

impl<T: Real> Process<T, World<T>, World<T>> for Stiffening {
    fn apply(&self, _: &World<T>, x: &mut World<T>, _: f64) -> adastra::core::Result<()> {
        let gas = x.get_mut::<IdealState<T>>("gas").expect("the gas");
        let IdealState {
            density,
            momentum_x,
            energy,
            ..
        } = gas;
        ndarray::Zip::from(energy)
            .and(&*density)
            .and(&*momentum_x)
            .for_each(|e, &rho, &m| {
                *e = (rho - T::of(0.9)).powf(T::of(1.5)) + T::of(0.5) * m * m / rho;
            });
        Ok(())
    }
    fn vjp(
        &self,
        _: &World<T>,
        _: &World<T>,
        _: f64,
        _: &mut World<T>,
        _: &mut World<T>,
    ) -> adastra::core::Result<()> {
        Ok(())
    }
}

struct StiffeningPlugin;

impl ProcessPlugin for StiffeningPlugin {
    const NAME: &'static str = "test.stiffening";
    const ABOUT: &'static str = "an equation of state that fails at low density";
    type Options = Nothing;
    type Parameters = Nothing;
    type Values<T: Real> = ();
    fn parameters<T: Real>(_: Nothing) -> Result<()> {
        Ok(())
    }
    fn process<T: Real>(_: Nothing, _: &str, _: &Site, _: &World<T>) -> Result<AnyProcess<T>> {
        Ok(Box::new(Stiffening))
    }
}

const CONFIG: &str = r#"
self_gravity = false
[mesh]
cells = [32, 2, 2]
size = ["1 kpc", "0.0625 kpc", "0.0625 kpc"]
[time]
end = 0.4
safety = 0.5
[[matter]]
name = "gas"
use = "gas.ideal"
initial = { use = "gas.sound-wave", with = { state = { density = 1.0, pressure = 0.02 }, amplitude = 0.05, waves = [1, 0, 0] } }
[[process]]
name = "stiff"
use = "test.stiffening"
"#;

#[test]
fn nan_of_a_users_equation_of_state_names_step_operator_and_field() {
    let mut registry: Registry = adastra::registry().expect("a registry");
    registry.process::<StiffeningPlugin>().expect("a new name");
    let run = |amplitude: &str| {
        let text = CONFIG.replace("amplitude = 0.05", amplitude);
        let config = Config::parse(&text, ".".as_ref()).expect("a configuration");
        let simulation = Simulation::<f64>::build(&config, &registry).expect("a simulation");
        let mut runner = Runner::new(&simulation, simulation.begin(), 1).expect("a run");
        loop {
            match runner.step() {
                Ok(report) if report.finished => break Ok(()),
                Ok(_) => {}
                Err(e) => {
                    // The last good state is at hand.
                    assert!(adastra::core::Fields::non_finite(&runner.progress().state).is_none());
                    break Err((e.to_string(), runner.progress().march.step));
                }
            }
        }
    };
    assert_eq!(run("amplitude = 0.05"), Ok(()));
    let (message, step) = run("amplitude = 0.3").expect_err("a density below 0.9");
    assert!(message.contains("gas.energy"), "{message}");
    assert!(message.contains("process \"stiff\""), "{message}");
    assert!(message.contains(&format!("step {step}")), "{message}");
}
