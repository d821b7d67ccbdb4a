//! What is done with any input; a panic is a fault. `fuzz/` and the replay of its corpus call these.

use bytes::Bytes;
use propylon_gateway::routing::{Host, Path, Slashes, Target};

/// Any bytes as a path: what is accepted is normal, and stays so.
pub(crate) fn path(data: &[u8]) {
    for slashes in [Slashes::Merge, Slashes::Keep] {
        let Ok(path) = Path::parse(Bytes::copy_from_slice(data), slashes) else { continue };
        let decoded = path.decoded();
        assert!(decoded.starts_with(b"/"), "{}", decoded.escape_ascii());
        assert!(!decoded.contains(&0), "{}", decoded.escape_ascii());
        let mut segments = decoded.split(|byte| *byte == b'/');
        assert!(!segments.any(|segment| matches!(segment, b"." | b"..")), "{}", decoded.escape_ascii());
    }
}

/// Any bytes as a Host.
pub(crate) fn host(data: &[u8]) {
    let Ok(host) = Host::parse(Bytes::copy_from_slice(data)) else { return };
    let name = host.name();
    assert!(
        !name.is_empty() && !name.iter().any(|byte| byte.is_ascii_uppercase() || byte.is_ascii_control())
    );
    assert_eq!(Host::parse(name.clone()).expect("a name is a host").name(), name);
}

/// Any bytes as a request-target.
pub(crate) fn target(data: &[u8]) {
    let target = Bytes::copy_from_slice(data);
    for method in ["GET", "OPTIONS", "CONNECT"] {
        let _ = Target::parse(method.as_bytes(), target.clone());
    }
}
