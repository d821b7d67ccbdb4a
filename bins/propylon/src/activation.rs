//! systemd socket activation: listening sockets that are open before the process starts.

use listenfd::ListenFd;
use propylon_gateway::Given;

/// What `LISTEN_FDS` gives this process. To be called before any thread or socket is there.
///
/// What is no listening TCP or unix stream socket is not used; the second list says so.
pub(crate) fn sockets() -> (Vec<Given>, Vec<String>) {
    let mut fds = ListenFd::from_env();
    let (mut sockets, mut unusable) = (Vec::new(), Vec::new());
    for index in 0..fds.len() {
        match take(&mut fds, index) {
            Ok(given) => sockets.extend(given),
            Err(error) => unusable.push(format!("socket {} of LISTEN_FDS is not used: {error}", index + 1)),
        }
    }
    (sockets, unusable)
}

fn take(fds: &mut ListenFd, index: usize) -> std::io::Result<Option<Given>> {
    // Each says that the socket is not of its kind and leaves it where it is.
    match fds.take_tcp_listener(index) {
        Ok(tcp) => tcp.map(Given::lent).transpose(),
        Err(_) => fds.take_unix_listener(index)?.map(Given::lent).transpose(),
    }
}
