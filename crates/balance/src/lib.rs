//! Choose a peer of an upstream: every method of nginx, passive and active health, queue, sticky sessions.
