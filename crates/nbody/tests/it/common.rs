//! What several tests need.

use std::collections::BTreeMap;

use adastra_io::{Dataset, read_arrays};
use ndarray::{Array1, Array2, ArrayD, Dimension, Ix1, Ix2};

/// The reference case.
pub(crate) struct Case(BTreeMap<String, Dataset>);

impl Case {
    pub(crate) fn load() -> Self {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/case.npz");
        Self(read_arrays(path).unwrap())
    }

    fn array(&self, name: &str) -> ArrayD<f64> {
        self.0[name].to_real().unwrap()
    }

    pub(crate) fn scalar(&self, name: &str) -> f64 {
        self.array(name).sum()
    }

    pub(crate) fn vector(&self, name: &str) -> Array1<f64> {
        self.array(name).into_dimensionality::<Ix1>().unwrap()
    }

    pub(crate) fn matrix(&self, name: &str) -> Array2<f64> {
        self.array(name).into_dimensionality::<Ix2>().unwrap()
    }
}

/// The largest difference over the largest number.
pub(crate) fn off<D: Dimension>(
    found: &ndarray::Array<f64, D>,
    expected: &ndarray::Array<f64, D>,
) -> f64 {
    let size = expected.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
    let mut worst = 0.0;
    for (a, b) in found.iter().zip(expected) {
        let error = (a - b).abs() / size;
        if !(error <= worst) {
            worst = error;
        }
    }
    worst
}
