//! The layers of the workspace: a crate uses crates of lower rows only.

use std::process::Command;

use serde_json::Value;

/// Rows, lowest first. Crates of the same row do not use one another, except that the checks
/// know the core.
const LAYERS: &[&[&str]] = &[
    &["adastra-core"],
    &["adastra-check"],
    &["adastra-cosmology", "adastra-grid", "adastra-io"],
    &["adastra-gravity"],
    &["adastra-pipeline"],
    &["adastra-particles", "adastra-optimize"],
    &["adastra-cuda"],
    &["adastra-fdm", "adastra-hydro", "adastra-nbody"],
    &["adastra"],
];

fn row(name: &str) -> usize {
    let known = LAYERS.iter().position(|row| row.contains(&name));
    // Plugins, then examples and tests stand on top.
    let top = if name.starts_with("adastra-plugin-") {
        LAYERS.len()
    } else {
        LAYERS.len() + 1
    };
    known.unwrap_or(top)
}

#[test]
fn crates_use_lower_rows_only() {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version=1",
            "--no-deps",
            "--manifest-path",
            manifest,
        ])
        .output()
        .expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    let packages = metadata["packages"].as_array().expect("a list of packages");
    assert!(packages.len() >= 9, "the workspace has its crates");
    let mut edges = 0;
    for package in packages {
        let name = package["name"].as_str().expect("a name");
        for dependency in package["dependencies"].as_array().expect("a list") {
            let used = dependency["name"].as_str().expect("a name");
            let normal = dependency["kind"].is_null();
            if !used.starts_with("adastra") || !normal {
                continue;
            }
            edges += 1;
            assert!(
                row(used) < row(name),
                "{name} (row {}) uses {used} (row {}); allowed: lower rows",
                row(name),
                row(used)
            );
        }
    }
    assert!(edges > 20, "the test has looked at the dependencies");
}

#[test]
fn every_crate_has_a_row() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates");
    for entry in std::fs::read_dir(folder).expect("the folder exists") {
        let path = entry.expect("readable").path().join("Cargo.toml");
        let Ok(text) = std::fs::read_to_string(&path) else {
            continue;
        };
        let manifest: toml::Table = text.parse().expect("a manifest");
        let name = manifest["package"]["name"]
            .as_str()
            .expect("a name")
            .to_owned();
        assert!(row(&name) < LAYERS.len(), "{name} needs a row in this test");
    }
}
