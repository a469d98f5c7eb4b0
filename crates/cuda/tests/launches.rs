//! How many kernels a step of wave dark matter starts.

mod common;

use std::sync::Arc;

use adastra_core::{Operator, Reversible, State};
use adastra_cuda::{Background, Boson, ComplexArray, Element, SelfGravity, Wave, WaveState};
use adastra_gravity::KickDrift;
use adastra_grid::Mesh;

#[test]
fn a_step_starts_four_kernels_and_six_on_the_way_back() {
    let (Some(fake), Some(device)) = (common::fake(), common::device()) else {
        return;
    };
    let mesh = Mesh::new([8; 3], [4.0; 3]).unwrap();
    let wave = Wave::<f32>::new(&device, &mesh, 0.0).unwrap();
    let system = Arc::new(SelfGravity::new(&device, &mesh, wave).unwrap());
    let motion = KickDrift {
        kick: 0.1,
        drift: Some(0.1),
        source: 1.0,
    };
    let step = Element::new(&system, motion);
    let boson = Boson {
        m_per_hbar: 0.1,
        c1: 0.0,
    };
    let p = (boson, Background::none());
    let psi = ComplexArray::zeros(&device, &[8; 3]).unwrap();
    let launches = || fake.launches().unwrap();

    let before = launches();
    let y = step.apply(&p, WaveState { psi }).unwrap();
    // Density, Green's function, kick, drift.
    assert_eq!(launches() - before, 4);

    let mut p_bar = p.zeros_like();
    let before = launches();
    step.invert_vjp(&p, y.clone(), y, &mut p_bar).unwrap();
    // Drift, density, Green's function, kick, and the transposes of the latter but one and of the
    // density.
    assert_eq!(launches() - before, 6);
}
