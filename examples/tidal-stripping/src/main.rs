//! The `adastra` command with the potential of a Plummer sphere.

fn main() -> std::process::ExitCode {
    adastra::command(&[adastra_plugin_plummer_potential::plugin])
}
