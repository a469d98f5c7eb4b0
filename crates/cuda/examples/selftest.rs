//! Tries.
fn main() {
    match adastra_cuda::probe() {
        Ok(n) => println!("{n}"),
        Err(e) => println!("{e}"),
    }
}
