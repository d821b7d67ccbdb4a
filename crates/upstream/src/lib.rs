//! Leaf service: one upstream peer over HTTP/1.1, with a keepalive pool.
