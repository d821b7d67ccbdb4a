//! TOML to a checked configuration: inheritance, units, references, errors with spans.
