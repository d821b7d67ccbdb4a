//! Type-erased HTTP bodies and routes: the seam between groups of tower layers.
