//! What the system says of the process.

use std::fs;

use rustix::param::{clock_ticks_per_second, page_size};
use rustix::process::{Resource, getrlimit};

/// What the system says of the process; what it does not say is missing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Process {
    pub(crate) cpu_seconds: Option<f64>,
    pub(crate) resident: Option<u64>,
    pub(crate) virtual_memory: Option<u64>,
    pub(crate) descriptors: Option<u64>,
    pub(crate) max_descriptors: Option<u64>,
    pub(crate) threads: Option<u64>,
}

impl Process {
    pub(crate) fn now() -> Self {
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let mut found = Self::parse(&stat, clock_ticks_per_second(), page_size() as u64);
        found.descriptors = fs::read_dir("/proc/self/fd").ok().map(|all| all.count() as u64);
        found.max_descriptors = getrlimit(Resource::Nofile).current;
        found
    }

    /// proc(5): numbers behind the name, which may hold anything, in parentheses.
    fn parse(stat: &str, ticks: u64, page: u64) -> Self {
        let Some((_, rest)) = stat.rsplit_once(") ") else { return Self::default() };
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let number = |at: usize| fields.get(at - 3).and_then(|text| text.parse::<u64>().ok());
        let cpu = number(14).zip(number(15)).map(|(user, system)| user + system);
        #[expect(clippy::cast_precision_loss, reason = "a time")]
        let seconds = |cpu: u64| cpu as f64 / ticks.max(1) as f64;
        Self {
            cpu_seconds: cpu.map(seconds),
            threads: number(20),
            virtual_memory: number(23),
            resident: number(24).map(|pages| pages * page),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_proc_says() {
        let stat = "42 (a) b) S 1 42 42 0 -1 4194560 1 2 3 4 150 50 0 0 20 0 7 0 100 4096000 250 18446744073709551615";
        let found = Process::parse(stat, 100, 4096);
        assert_eq!((found.cpu_seconds, found.threads), (Some(2.0), Some(7)));
        assert_eq!((found.virtual_memory, found.resident), (Some(4_096_000), Some(1_024_000)));
        assert!(Process::parse("", 100, 4096).resident.is_none());
        assert!(Process::now().descriptors.is_some_and(|open| open > 2));
    }
}
