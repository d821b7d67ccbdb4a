//! Facts recorded about one request/response exchange: append-only, no behaviour.
