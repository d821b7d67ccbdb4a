//! Access logs: formats, sinks, buffering, reopening; never blocks a request.
