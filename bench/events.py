#!/usr/bin/env python3
"""How long an event of an event stream takes from its upstream's write to the client: directly, through propylon, through nginx.

Both as in the scenario `plain`. The upstream, the client and the clock are this process; each event carries the time of its write.
"""

import argparse
import socket
import threading
import time

import scenarios
from processes import alone, must_be_free, running, wait_until_open
from proxies import NAMES, ORIGIN_PORT, PORTS, by_name, workplace


class Upstream:
    """Answers each request with events, one each `pause` seconds."""

    def __init__(self, events, pause):
        self.events, self.pause = events, pause
        self.listener = socket.create_server(("127.0.0.1", ORIGIN_PORT))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            stream, _ = self.listener.accept()
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.answer, args=(stream,), daemon=True).start()

    def answer(self, stream):
        head = b""
        while b"\r\n\r\n" not in head:
            piece = stream.recv(4096)
            if not piece:
                return
            head += piece
        stream.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        for _ in range(self.events):
            time.sleep(self.pause)
            event = b"data: %d\n\n" % time.monotonic_ns()
            stream.sendall(b"%x\r\n%s\r\n" % (len(event), event))
        stream.sendall(b"0\r\n\r\n")
        stream.close()


def latencies(port):
    """Microseconds from write to arrival, sorted."""
    stream = socket.create_connection(("127.0.0.1", port))
    stream.sendall(b"GET /events HTTP/1.1\r\nHost: events.test\r\n\r\n")
    found, rest = [], b""
    while not rest.endswith(b"0\r\n\r\n"):
        came = stream.recv(65536)
        now = time.monotonic_ns()
        if not came:
            break
        rest += came
        while b"\n\n" in rest:
            event, rest = rest.split(b"\n\n", 1)
            found.append((now - int(event.rsplit(b"data: ", 1)[1])) / 1000)
    return sorted(found)


def tell(name, found):
    """One line of the report."""
    p50, p99 = (found[min(len(found) - 1, int(len(found) * share))] for share in (0.5, 0.99))
    print(f"{name:10} {len(found)} events: p50 {p50:7.0f} us, p99 {p99:7.0f} us, most {found[-1]:7.0f} us", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", help="propylon; without it the release binary is built")
    parser.add_argument("--events", type=int, default=2000)
    parser.add_argument("--pause", type=float, default=0.005, help="seconds between two events")
    args = parser.parse_args()
    with alone():
        must_be_free([ORIGIN_PORT, *PORTS])
        Upstream(args.events, args.pause)
        tell("direct", latencies(ORIGIN_PORT))
        port = scenarios.ALL["plain"].port
        for proxy in (by_name(name, args.binary) for name in NAMES):
            with workplace(proxy.name) as directory, running(proxy.argv(directory), directory) as process:
                wait_until_open(port, process, directory)
                tell(proxy.name, latencies(port))


if __name__ == "__main__":
    main()
