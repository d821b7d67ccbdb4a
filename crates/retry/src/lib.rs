//! tower layer: try again by policy, with a budget; a request is repeated only where that is safe.
