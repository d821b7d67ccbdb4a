//! What may be stored, how long it is fresh, and what may be answered with it: pure functions of heads and times. No
//! clock, no I/O, no tower.

pub mod date;
