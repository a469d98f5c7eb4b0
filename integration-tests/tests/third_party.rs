//! A crate outside the workspace adds a plugin, builds and runs.

use std::path::Path;
use std::process::Command;

#[test]
fn a_third_party_builds_and_runs() {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("third-party");
    let manifest = crate_folder.join("Cargo.toml");
    let out = tempfile::tempdir().expect("a folder");
    // A target folder of its own below that of the workspace, so that builds do not wait for
    // the lock that the running tests hold; kept, so that only the first build is long.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("third-party");
    let run = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--manifest-path"])
        .arg(&manifest)
        .args(["--", "run", "--quiet", "--out"])
        .arg(out.path())
        .arg(crate_folder.join("config.toml"))
        .env("CARGO_TARGET_DIR", target)
        .output()
        .expect("cargo runs");
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );

    // The star was accelerated by 100 (km/s)^2/kpc for 0.02 kpc/(km/s): 2 km/s.
    let snapshot =
        adastra::io::Snapshot::open(out.path().join("snapshot_0001.h5")).expect("a snapshot");
    let velocity = snapshot
        .real::<f64>("stars/velocity", &[1, 3])
        .expect("velocities");
    assert!((velocity[[0, 0]] - 2.0).abs() < 1e-9, "{velocity}");
}
