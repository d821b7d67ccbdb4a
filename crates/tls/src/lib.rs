//! TLS by rustls in the terms of nginx: acceptor, connector, certificates by name, reload, OpenSSL cipher names.
