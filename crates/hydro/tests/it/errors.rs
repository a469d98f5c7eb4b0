//! Bad input.

use std::sync::Arc;

use adastra_core::Operator;
use adastra_gravity::Matter;
use adastra_grid::{Gravity, Mesh};
use adastra_hydro::{Drift, FromPrimitive, GasError, IdealGas, Isothermal, IsothermalGas, Scheme};

use crate::common::{field, ideal, ideal_state, isothermal, isothermal_state, smooth};

fn mesh() -> Mesh {
    Mesh::new([4, 6, 8], [1.0, 1.5, 2.0]).unwrap()
}

#[test]
fn options_out_of_range() {
    let message = |scheme| {
        IsothermalGas::<f64>::new(&mesh(), scheme)
            .err()
            .unwrap()
            .to_string()
    };
    for cfl in [0.0, 1.5, f64::NAN] {
        let scheme = Scheme {
            cfl,
            ..Scheme::default()
        };
        assert!(message(scheme).contains("above 0 and at most 1"));
    }
    let scheme = Scheme {
        density_floor: -1.0,
        ..Scheme::default()
    };
    assert!(message(scheme).starts_with("density_floor = -1"));
}

#[test]
fn bad_states_are_named_with_their_cell() {
    for (n, value, name) in [
        (0, 0.0, "density of cell [1, 2, 3] is 0e0"),
        (0, -1.0, "density of cell [1, 2, 3] is -1e0"),
        (2, f64::NAN, "velocity of cell [1, 2, 3] is NaN"),
    ] {
        let mut w = smooth::<f64>(&mesh(), 1.0);
        w[n][[1, 2, 3]] = value;
        let error = FromPrimitive::<Isothermal>::new(&mesh())
            .apply(&isothermal(1.0), w)
            .unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
    }
    let gas = Arc::new(IdealGas::<f64>::new(&mesh(), Scheme::default()).unwrap());
    let mut w = smooth(&mesh(), 1.0);
    w.push(field(&mesh(), |_| 50.0));
    let mut x = ideal_state(&mesh(), 1.4, w);
    gas.check(&ideal(1.4), &x).unwrap();
    x.energy[[3, 0, 1]] = 0.0;
    let error = gas.check(&ideal(1.4), &x).unwrap_err().to_string();
    assert!(
        error.contains("thermal energy density of cell [3, 0, 1]"),
        "{error}"
    );
}

#[test]
fn a_step_that_fails_says_where_and_leaves_the_state() {
    let gas = Arc::new(IsothermalGas::<f64>::new(&mesh(), Scheme::default()).unwrap());
    let mut x = isothermal_state(&mesh(), smooth(&mesh(), 1.0));
    let before = x.clone();
    // A hundred times too long.
    let error = gas
        .drift(&isothermal(10.0), &mut x, 1.0)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("makes the") && error.contains("floor"),
        "{error}"
    );
    assert!(x == before);

    x.momentum_y[[2, 5, 7]] = f64::NAN;
    let error = gas
        .drift(&isothermal(10.0), &mut x, 1e-4)
        .unwrap_err()
        .to_string();
    assert!(error.contains("NaN"), "{error}");
    let none = Gravity {
        potential: mesh().zeros(),
        acceleration: None,
    };
    assert!(
        gas.limits(&isothermal(10.0), &x, &none).unwrap()[0]
            .dt
            .is_nan()
    );
}

#[test]
fn parameters_shapes_and_gravity() {
    let gas = Arc::new(IsothermalGas::<f64>::new(&mesh(), Scheme::default()).unwrap());
    let x = isothermal_state(&mesh(), smooth(&mesh(), 1.0));
    for c in [0.0, -3.0, f64::NAN] {
        let error = Drift::new(&gas, 1e-4)
            .apply(&isothermal(c), x.clone())
            .unwrap_err();
        assert!(error.to_string().contains("sound_speed"), "{error}");
    }
    let other = Mesh::new([4, 4, 8], [1.0; 3]).unwrap();
    let small = isothermal_state(&other, smooth(&other, 1.0));
    let error = Drift::new(&gas, 1e-4)
        .apply(&isothermal(1.0), small)
        .unwrap_err();
    assert!(error.to_string().contains("expected [4, 6, 8]"), "{error}");
    let none = Gravity {
        potential: mesh().zeros(),
        acceleration: None,
    };
    let error = gas
        .kick(&isothermal(1.0), &mut x.clone(), &none, 0.1)
        .unwrap_err();
    let expected = GasError::MissingAcceleration { cells: [4, 6, 8] };
    assert!(error.to_string().contains(&expected.to_string()));
}
