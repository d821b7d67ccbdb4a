"""An exact number of requests, and one request with its answer checked: where a load generator is too much."""

import socket


class Wrong(Exception):
    """The answer was not the one that was expected."""


def connect(port):
    """A connection to a proxy."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=60)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def ask(connection, scenario):
    """Sends one request."""
    closing = "Connection: close\r\n" if scenario.close else ""
    head = f"GET {scenario.path} HTTP/1.1\r\nHost: 127.0.0.1:{scenario.port}\r\n{closing}\r\n"
    connection.sendall(head.encode())


def answer(connection, scenario):
    """Reads one answer whole; its head."""
    data = bytearray()
    while b"\r\n\r\n" not in data:
        more = connection.recv(1 << 18)
        if not more:
            raise Wrong(f"closed after {bytes(data[:200])!r}")
        data += more
    head, _, body = bytes(data).partition(b"\r\n\r\n")
    got = len(body)
    while got < scenario.size:
        more = connection.recv(1 << 18)
        if not more:
            raise Wrong(f"closed after {got} bytes of the body")
        got += len(more)
    text = head.decode("latin-1")
    length = f"\r\ncontent-length: {scenario.size}\r\n"
    if not text.startswith("HTTP/1.1 200 ") or length not in f"{text.lower()}\r\n" or got != scenario.size:
        raise Wrong(f"{got} bytes after\n{text}")
    return text


def check(scenario):
    """Makes one request and looks whether the proxy does what the scenario says."""
    with connect(scenario.port) as connection:
        ask(connection, scenario)
        head = answer(connection, scenario).lower()
    shown = [name for name in scenario.hidden if f"\r\n{name.lower()}:" in head]
    if shown:
        raise Wrong(f"not hidden: {', '.join(shown)}\n{head}")


def count(scenario, requests, connections=8):
    """Makes exactly so many requests, as many at a time as there are connections."""
    kept = [] if scenario.close else [connect(scenario.port) for _ in range(connections)]
    done = 0
    while done < requests:
        now = min(connections, requests - done)
        using = [connect(scenario.port) for _ in range(now)] if scenario.close else kept[:now]
        for connection in using:
            ask(connection, scenario)
        for connection in using:
            answer(connection, scenario)
        if scenario.close:
            for connection in using:
                connection.close()
        done += now
    for connection in kept:
        connection.close()
