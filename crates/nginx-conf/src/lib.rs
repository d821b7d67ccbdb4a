//! nginx.conf to Propylon TOML, with a verdict for every line.
