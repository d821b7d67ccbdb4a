//! Heads: how large a request's may be, server by server; order and case of fields on both sides.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use propylon_testkit::peer::{Plan, RawPeer};
use propylon_tests::{Propylon, address, on_hyper, raw_request};

#[test]
fn a_head_has_the_size_that_its_server_allows() {
    let listen = address();
    let gateway = Propylon::start(&format!(
        r#"
        [[server]]
        listen = ["{listen}"]
        name = ["small.test"]
        limit = {{ header_buffers = 2, header_buffer_size = "256", headers = 5 }}
        return = [200, "small"]
        [[server]]
        listen = ["{listen}"]
        name = ["large.test"]
        limit = {{ header_buffers = 4, header_buffer_size = "16k", headers = 2000 }}
        return = [200, "large"]
        "#
    ));
    let ask = |host: &str, path: usize, fields: &[usize]| {
        let fields: String = fields
            .iter()
            .enumerate()
            .map(|(n, length)| format!("X-{n}: {}\r\n", "v".repeat(*length)))
            .collect();
        let head = format!("GET /{} HTTP/1.1\r\nHost: {host}.test\r\n{fields}\r\n", "p".repeat(path));
        raw_request(listen, head.as_bytes()).unwrap().status
    };
    assert_eq!(ask("small", 100, &[100, 100]), 200);
    assert_eq!(ask("small", 300, &[]), 414);
    assert_eq!(ask("small", 1, &[300]), 400);
    assert_eq!(ask("small", 1, &[200, 200, 200]), 400, "all lines together");
    assert_eq!(ask("small", 1, &[1, 1, 1, 1]), 200);
    assert_eq!(ask("small", 1, &[1, 1, 1, 1, 1]), 400, "a field too many");
    assert_eq!(ask("large", 12_000, &[12_000, 12_000]), 200);
    assert_eq!(ask("large", 1, &[1; 1500]), 200);
    assert_eq!(ask("large", 1, &[12_000; 6]), 400);
    if !on_hyper() {
        assert_eq!(ask("large", 17_000, &[]), 414); // hyper tells 414 only for its own limit
    }
    drop(gateway);
}

#[test]
fn fields_pass_in_the_order_and_the_case_in_which_they_came() {
    if on_hyper() {
        return; // it writes names in title case, and in an order of its own
    }
    let origin = RawPeer::tcp(|_| {
        Plan::new()
            .answer(|_| {
                "HTTP/1.1 200 OK\r\nserver: s\r\nx-lower: 1\r\nDATE: d\r\nX-UPPER: 2\r\nConnection: keep-alive\r\nETag: \"e\"\r\nX-Usual: 3\r\n\
                 content-length: 2\r\nx-Last: 4\r\n\r\nok"
                    .to_owned()
            })
            .forever()
    });
    let listen = address();
    let gateway = Propylon::start(&format!(
        r#"
        [[server]]
        listen = ["{listen}"]
        [[server.location]]
        match = "/"
        proxy_pass = "http://{}"
        headers.set = {{ X-SET = "$uri", x-set-too = "2" }}
        headers.add = {{ X-ADDED = "$uri" }}
        "#,
        origin.addr()
    ));
    let request =
        b"GET /a HTTP/1.1\r\nx-one: 1\r\nHost: a\r\nX-TWO: 2\r\nConnection: close\r\nAccept: b\r\n\r\n";
    let response = raw_request(listen, request).unwrap();
    let names = |head: &[u8]| {
        let head = String::from_utf8_lossy(head).into_owned();
        let names = head.lines().skip(1).filter_map(|line| line.split(':').next());
        names.filter(|name| !name.is_empty()).collect::<Vec<_>>().join(" ")
    };
    let expected = "x-lower X-UPPER ETag X-Usual x-Last X-ADDED Server Date Content-Length Connection";
    assert_eq!(names(&response.head.0), expected);
    assert_eq!(names(&origin.requests()[0]), "Host x-one X-TWO Accept X-SET x-set-too");
    drop(gateway);
}
