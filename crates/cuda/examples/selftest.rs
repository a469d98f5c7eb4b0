//! Compares every operator with its twin on the CPU and measures the device:
//!
//! ```text
//! cargo run --release -p adastra-cuda --example selftest            # cuda:0
//! cargo run --release -p adastra-cuda --example selftest -- cuda:1
//! ```

use std::process::ExitCode;

use adastra_cuda::{Place, SelfTest};

fn main() -> ExitCode {
    let name = std::env::args().nth(1).unwrap_or_else(|| "cuda".to_owned());
    let result = match name.parse() {
        Ok(Place::Cuda(ordinal)) => {
            let out = &mut std::io::stdout();
            SelfTest::default().run(ordinal, out)
        }
        Ok(Place::Cpu) => {
            eprintln!("the CPU is what devices are compared with: name one, \"cuda:0\"");
            return ExitCode::FAILURE;
        }
        Err(error) => Err(error.into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
