//! The reference: Debian's nginx.

use std::fs;
use std::ops::Deref;
use std::path::Path;
use std::process::Command;

use crate::{Process, fill};

const BINARY: &str = "/usr/sbin/nginx";

/// One process, no daemon: what starts here ends here, and it reads its directory as whoever runs the tests.
const MAIN: &str = "daemon off; master_process off; pid @DIR@/nginx.pid; error_log @DIR@/error.log warn;
events { worker_connections 4096; }
";

/// A running nginx.
#[derive(Debug)]
pub struct Nginx {
    process: Process,
}

impl Nginx {
    /// Starts nginx with this `http` block. `@DIR@` in it is the directory that it runs in.
    pub fn start(http: &str) -> Self {
        Self::start_with(&[], http)
    }

    /// Starts nginx with this `http` block and modules of other packages: files of theirs, and the packages.
    pub fn start_with(modules: &[(&str, &str)], http: &str) -> Self {
        assert!(
            Path::new(BINARY).exists(),
            "these tests compare with Debian's nginx, which is not here; install it:\n    apt-get install -y nginx"
        );
        let load = |&(module, package): &(&str, &str)| {
            let path = Path::new("/usr/lib/nginx/modules").join(module);
            assert!(
                path.exists(),
                "{module} of nginx is not here; install it:\n    apt-get install -y {package}"
            );
            format!("load_module {};\n", path.display())
        };
        let modules: String = modules.iter().map(load).collect();
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().to_string_lossy().into_owned();
        let config = dir.path().join("nginx.conf");
        fs::write(&config, fill(&format!("{modules}{MAIN}{http}"), &[("DIR", &path)])).unwrap();
        let mut command = Command::new(BINARY);
        command.arg("-p").arg(&path).arg("-e").arg(dir.path().join("error.log")).arg("-c").arg(config);
        Self { process: Process::start(command, dir, "nginx.pid") }
    }
}

impl Deref for Nginx {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}
