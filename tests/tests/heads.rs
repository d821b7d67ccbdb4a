//! How large a request's head may be, server by server.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

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
