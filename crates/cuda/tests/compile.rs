//! The PTX in the repository is what NVRTC makes of the sources, where NVRTC is installed.

use std::io::Write;
use std::process::Command;

#[test]
fn the_sources_compile_to_the_ptx_beside_them() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/kernels/compile.py");
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/kernels");
    let plugin = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../plugins/device-sponge/kernels"
    );
    let arguments = [script, "--check", folder, plugin];
    let Ok(output) = Command::new("python3").args(arguments).output() else {
        skip("there is no python3");
        return;
    };
    let log = String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(0) => {}
        // No NVRTC of the version that made them.
        Some(3) => skip(log.trim()),
        code => panic!("{code:?}: {log}"),
    }
}

/// Says so past the test harness, which keeps what a test prints if it passes.
fn skip(reason: &str) {
    let _ = writeln!(
        std::io::stderr(),
        "SKIPPED, recompilation of the kernels: {reason}"
    );
}
