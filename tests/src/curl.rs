use std::process::Command;

use crate::lossy;

/// What curl says of one request.
pub fn curl(arguments: &[&str]) -> String {
    let output = Command::new("curl").args(["-sS", "--max-time", "20"]).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("curl: {error}: apt-get install curl"));
    assert!(output.status.success(), "{arguments:?}: {}", lossy(&output.stderr));
    lossy(&output.stdout)
}
