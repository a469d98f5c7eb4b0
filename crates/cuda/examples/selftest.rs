//! Tries.
fn main() {
    match adastra_cuda::Device::open(0) {
        Ok(n) => println!("{n:?}"),
        Err(e) => println!("{e}"),
    }
}
