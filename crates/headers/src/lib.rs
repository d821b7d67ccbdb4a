//! tower layers for header fields: set, add, hide, hop-by-hop removal, forwarding fields, real client address.
