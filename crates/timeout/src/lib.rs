//! tower layer: time to response head and between two frames of a body, request and response side.
