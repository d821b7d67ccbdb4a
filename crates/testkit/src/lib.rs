//! Scripted bodies and peers, body laws: for the tests of the other crates.
