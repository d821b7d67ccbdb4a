//! Bodies that are large, and such as are cut.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};

use propylon_tests::End;

use crate::support::{each, receive};

/// What is cut upstream is cut for the client, whoever frames it how; nothing that was cut looks whole.
#[test]
fn what_is_cut_is_cut_visibly() {
    each(|gateway| {
        for response in [
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n",
        ] {
            let (_, answer) =
                gateway.exchange(&[b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"], &[response.as_bytes()]);
            assert_eq!(
                (answer.text().as_str(), answer.end),
                ("half", End::Cut),
                "{}: {response}",
                gateway.engine
            );
            // HTTP/1.0 cannot see it by framing: the connection is reset.
            if response.contains("chunked") && gateway.can("1.0 cut") {
                let mut old = TcpStream::connect(gateway.listen).unwrap();
                old.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
                let mut peer = gateway.upstream.accept();
                receive(&mut peer);
                peer.send(response.as_bytes()).unwrap();
                peer.shutdown(Shutdown::Write);
                let read = old.read_to_end(&mut Vec::new());
                let reset = read.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset);
                assert!(reset, "{}: {response}", gateway.engine);
            }
        }
    });
}

/// Megabytes both ways, to a reader that takes its time: all of it comes, in order.
#[test]
fn large_bodies_come_whole() {
    each(|gateway| {
        let body: Vec<u8> =
            (0..3_000_000u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
        for (path, chunked) in [("/", false), ("/stream", false), ("/stream", true)] {
            let mut client = gateway.client();
            let framing = if chunked {
                "Transfer-Encoding: chunked".to_owned()
            } else {
                format!("Content-Length: {}", body.len())
            };
            let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n");
            let mut sender = client.stream().handle().unwrap();
            let wire = if chunked { in_chunks(&body) } else { body.clone() };
            let pump =
                std::thread::spawn(move || sender.send(head.as_bytes()).and_then(|()| sender.send(&wire)));
            let mut peer = gateway.upstream.accept();
            assert!(receive(&mut peer).body == body, "{}: {path} {chunked}", gateway.engine);
            pump.join().unwrap().unwrap();
            let wire = in_chunks(&body);
            let pump = std::thread::spawn(move || {
                peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                    .and_then(|()| peer.send(&wire))
            });
            let answer = client.response(false).unwrap();
            assert!(
                answer.body == body && answer.end == End::Complete,
                "{}: {path} {chunked}",
                gateway.engine
            );
            pump.join().unwrap().unwrap();
        }
    });
}

fn in_chunks(body: &[u8]) -> Vec<u8> {
    let chunk = |data: &[u8]| [format!("{:x}\r\n", data.len()).as_bytes(), data, b"\r\n"].concat();
    let mut wire: Vec<u8> = body.chunks(70_001).flat_map(chunk).collect();
    wire.extend_from_slice(b"0\r\n\r\n");
    wire
}
