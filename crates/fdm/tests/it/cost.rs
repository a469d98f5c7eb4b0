//! The number of transforms, which is the cost.

use adastra_core::{Adjoint, Operator, State};
use adastra_fdm::WaveParams;
use adastra_gravity::Background;
use adastra_grid::Mesh;

use crate::common::{reversing, smooth_wave, storing, system};

#[test]
fn one_poisson_solve_and_two_complex_transforms_a_step() {
    const N: usize = 7;
    let mesh = Mesh::new([8; 3], [10.0; 3]).unwrap();
    let system = system::<f64>(&mesh);
    let p = (WaveParams::free(1.0), Background::none());
    let x = smooth_wave(&mesh, 1e7);
    let real = || system.poisson().transforms();
    let complex = || system.matter().fft().transforms();
    let counted = |work: &mut dyn FnMut()| {
        let before = (real(), complex());
        work();
        (real() - before.0, complex() - before.1)
    };
    // n + 1 solves of two real transforms each.
    let dt = [1e-3; N];
    let run = storing(&system, &dt);
    let forward = counted(&mut || drop(run.apply(&p, x.clone())));
    assert_eq!(forward, (2 * (N + 1), 2 * N));

    // From stored states: one adjoint solve, and the forward transform of the wave for the
    // gradient of the mass beside the two of the cotangent.
    let (y, tape) = run.record(&p, x.clone()).unwrap();
    let mut p_bar = p.zeros_like();
    let mut tape = Some(tape);
    let reverse = counted(&mut || {
        let y_bar = y.clone();
        drop(run.vjp(&p, tape.take().unwrap(), y_bar, &mut p_bar));
    });
    assert_eq!(reverse, (2 * (N + 1), 3 * N));

    // Rebuilding states: one solve more, and the wave goes back along with its cotangent.
    let run = reversing(&system, &dt, 0);
    let (y, tape) = run.record(&p, x).unwrap();
    let mut tape = Some(tape);
    let reverse = counted(&mut || {
        let y_bar = y.clone();
        drop(run.vjp(&p, tape.take().unwrap(), y_bar, &mut p_bar));
    });
    assert_eq!(reverse, (4 * (N + 1), 4 * N));
}
