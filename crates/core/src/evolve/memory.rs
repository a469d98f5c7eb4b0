//! How much memory the system has to give.

use std::fs;

/// What is assumed where the system does not say.
const FALLBACK: usize = 1 << 30;

/// Bytes that can be allocated without swapping: the smaller of the system's available memory and
/// what the control group leaves. 1 GiB on systems that do not tell.
pub(crate) fn memory_at_hand() -> usize {
    let group = || {
        let read = |name: &str| number(&fs::read_to_string(format!("/sys/fs/cgroup/{name}")).ok()?);
        Some(read("memory.max")?.saturating_sub(read("memory.current")?))
    };
    let system = fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| available(&text));
    [system, group()]
        .into_iter()
        .flatten()
        .min()
        .unwrap_or(FALLBACK)
}

fn available(meminfo: &str) -> Option<usize> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    number(line.trim().strip_suffix("kB")?)?.checked_mul(1024)
}

fn number(text: &str) -> Option<usize> {
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn available_memory_is_read_in_kibibytes() {
        let text = "MemTotal:  2000 kB\nMemFree:  100 kB\nMemAvailable:    1234 kB\n";
        assert_eq!(available(text), Some(1234 * 1024));
        assert_eq!(available("MemTotal: 5 kB\n"), None);
        assert_eq!(available("MemAvailable: many kB\n"), None);
        assert_eq!(number("max\n"), None);
    }

    #[test]
    fn some_memory_is_at_hand() {
        assert!(memory_at_hand() > 0);
    }
}
