//! A wire that can be cut.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::address;

/// Passes connections on to another address, until it is told to do something else with them.
#[derive(Debug)]
pub struct Wire {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
}

/// What becomes of what is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It arrives.
    Passes,
    /// It arrives nowhere, and no answer comes.
    Vanishes,
    /// Connections are closed.
    Ends,
    /// What is not meant comes back.
    Garbles,
}

#[derive(Debug)]
struct Shared {
    fate: Fate,
    open: Vec<TcpStream>,
    connections: usize,
}

impl Wire {
    /// A wire to this address.
    pub fn to(peer: SocketAddr) -> Self {
        let listener = TcpListener::bind(address()).expect("a port on loopback");
        let shared = Shared { fate: Fate::Passes, open: Vec::new(), connections: 0 };
        let wire = Self { address: listener.local_addr().unwrap(), shared: Arc::new(Mutex::new(shared)) };
        let shared = wire.shared.clone();
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                accepted(stream, peer, &shared);
            }
        });
        wire
    }

    /// Where it begins.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What becomes of what is sent from now on. Connections that were open end, but for those on which all vanishes.
    pub fn is(&self, fate: Fate) {
        let mut shared = self.shared.lock().unwrap();
        shared.fate = fate;
        if fate != Fate::Vanishes {
            for stream in shared.open.drain(..) {
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
    }

    /// How many connections there were.
    pub fn connections(&self) -> usize {
        self.shared.lock().unwrap().connections
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.is(Fate::Ends);
    }
}

fn accepted(mut stream: TcpStream, peer: SocketAddr, shared: &Arc<Mutex<Shared>>) {
    let mut state = shared.lock().unwrap();
    state.connections += 1;
    match state.fate {
        Fate::Ends => return,
        Fate::Garbles => {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
            return;
        }
        Fate::Passes | Fate::Vanishes => {}
    }
    let Ok(other) = TcpStream::connect(peer) else { return };
    for (from, to) in [(&stream, &other), (&other, &stream)] {
        let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
        state.open.push(from.try_clone().unwrap());
        let shared = shared.clone();
        thread::spawn(move || copy(from, to, &shared));
    }
}

fn copy(mut from: TcpStream, mut to: TcpStream, shared: &Mutex<Shared>) {
    let mut buffer = vec![0; 64 << 10];
    // What has vanished once is missing: then nothing makes sense any more.
    let mut whole = true;
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        whole &= shared.lock().unwrap().fate == Fate::Passes;
        if whole && to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
