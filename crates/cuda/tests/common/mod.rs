//! The driver without a device, for all tests of a process.

use std::io::Write;
use std::path::Path;
use std::sync::OnceLock;

use adastra_cuda::Device;
use adastra_cuda::fake::{Fake, FakeError, install};

/// The driver without a device, or None, with a message, where there is no C++ compiler.
pub(crate) fn fake() -> Option<&'static Fake> {
    static FAKE: OnceLock<Option<Fake>> = OnceLock::new();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let found = FAKE.get_or_init(|| match install(folder, &[]) {
        Ok(fake) => Some(fake),
        Err(error @ FakeError::NoCompiler) => {
            // Past the test harness, which keeps what a test prints if it passes.
            let _ = writeln!(std::io::stderr(), "SKIPPED, tests of the device: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    });
    found.as_ref()
}

/// A device of its own for each test.
pub(crate) fn device() -> Option<Device> {
    fake()?;
    Some(Device::open(0).expect("the driver has a device"))
}
