//! The `adastra` command with what adastra itself brings.

fn main() -> std::process::ExitCode {
    adastra::command(&[])
}
