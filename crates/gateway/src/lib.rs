//! Listeners, virtual hosts, location routing, and the stack of layers of every route.
