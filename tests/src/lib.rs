//! Helpers for the black-box tests: start the binary, real peers and raw sockets.
