//! Initial conditions from a file of named arrays.

use std::path::PathBuf;

use adastra_core::Real;
use adastra_io::{Dataset, read_arrays};
use adastra_pipeline::{
    AnyArray, AnyFields, Arrays, Doc, Error, InitialPlugin, Registry, Result, Site, doc,
};
use serde::Deserialize;

pub(crate) fn plugin(registry: &mut Registry) -> Result<()> {
    registry.initial::<FromFile>()
}

struct FromFile;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    path: PathBuf,
    #[serde(default)]
    prefix: String,
}

impl InitialPlugin for FromFile {
    const NAME: &'static str = "file";
    const ABOUT: &'static str = "named arrays from an HDF5 or npz file, such as a snapshot";
    const OPTIONS: &'static [Doc] = &[
        doc("path", "", "the file, from the folder of the configuration"),
        doc(
            "prefix",
            "",
            "what stands before the fields' names, e.g. \"dm/\"; default: nothing",
        ),
    ];
    type Options = Options;

    fn arrays<T: Real>(options: Options, site: &Site, _: &dyn AnyFields<T>) -> Result<Arrays<T>> {
        let path = site.folder.join(&options.path);
        let datasets = read_arrays(&path).map_err(|e| Error::plugin("with.path", e))?;
        let known: Vec<_> = datasets.keys().cloned().collect();
        let mut arrays = Arrays::new();
        let mut found = false;
        for (name, dataset) in datasets {
            if let Some(field) = name.strip_prefix(&options.prefix)
                && !field.contains('/')
            {
                arrays.insert(field, array(&dataset));
                found = true;
            }
        }
        if !found {
            let (key, name) = ("with.prefix".into(), options.prefix);
            return Err(Error::UnknownName {
                key,
                name,
                kind: "array",
                known,
            });
        }
        Ok(arrays)
    }
}

/// A dataset in the precision of the run.
pub(crate) fn array<T: Real>(dataset: &Dataset) -> AnyArray<T> {
    match dataset.to_real() {
        Some(real) => AnyArray::Real(real),
        None => AnyArray::Complex(dataset.to_complex()),
    }
}
