//! `adastra plugins`

use adastra_pipeline::{Doc, Registry};

/// Prints every registered name with its keys, units and defaults.
pub(super) fn list(registry: &Registry, filter: Option<&str>) {
    let mut kind = "";
    for info in registry
        .infos()
        .filter(|i| filter.is_none_or(|f| i.name.contains(f)))
    {
        if info.kind != kind {
            let gap = if kind.is_empty() { "" } else { "\n" };
            kind = info.kind;
            println!("{gap}{kind}");
        }
        println!("  {}\n      {}", info.name, info.about);
        if info.kind == "matter" {
            let devices: Vec<_> = registry.devices_of(info.name).collect();
            println!(
                "      device: {}",
                [&["cpu"], &devices[..]].concat().join(", ")
            );
        }
        for (heading, docs) in [
            ("with", info.options),
            ("parameters", info.parameters),
            ("state", info.state),
        ] {
            for Doc { name, unit, about } in docs {
                let unit = if unit.is_empty() {
                    String::new()
                } else {
                    format!(" [{unit}]")
                };
                println!("      {heading}.{name}{unit}: {about}");
            }
        }
    }
}
