//! Every crate that the workspace builds on has a licence that `deny.toml` allows.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use spdx::{Expression, ParseMode};

/// What `deny.toml` allows.
fn allowed(root: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(root.join("deny.toml")).expect("deny.toml");
    let table: toml::Table = text.parse().expect("TOML");
    let list = table["licenses"]["allow"].as_array().expect("a list");
    list.iter()
        .map(|name| name.as_str().expect("a name").to_owned())
        .collect()
}

fn permits(allowed: &[String], licence: &str) -> Result<bool, spdx::ParseError> {
    let expression = Expression::parse_mode(licence, ParseMode::LAX)?;
    Ok(expression.evaluate(|r| allowed.contains(&r.to_string())))
}

#[test]
fn licences_of_all_dependencies_are_allowed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let allowed = allowed(&root);
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version=1",
            "--all-features",
            "--manifest-path",
        ])
        .arg(root.join("Cargo.toml"))
        .output()
        .expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    let packages = metadata["packages"].as_array().expect("a list of packages");
    assert!(packages.len() > 50);
    for package in packages {
        let (name, licence) = (&package["name"], package["license"].as_str());
        let licence = licence.unwrap_or_else(|| panic!("{name} states no licence"));
        assert!(permits(&allowed, licence).unwrap(), "{name}: {licence}");
    }
}

#[test]
fn other_licences_are_refused() {
    let allowed = allowed(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    let permits = |licence| permits(&allowed, licence).unwrap();
    assert!(permits("MIT/Apache-2.0") && permits("GPL-3.0-only OR MIT"));
    assert!(!permits("GPL-3.0-only") && !permits("MIT AND MPL-2.0"));
}
