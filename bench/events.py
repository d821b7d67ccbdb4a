#!/usr/bin/env python3
"""How long an event of an event stream takes from its upstream's write to the client: directly, through propylon, through nginx.

    cargo build --release -p propylon
    bench/events.py [--binary target/release/propylon] [--events 2000] [--pause 0.005]

Default settings everywhere. The upstream, the client and the clock are this process; each event carries the time of its write.
"""

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Upstream:
    """Answers each request with events, one each `pause` seconds."""

    def __init__(self, events, pause):
        self.events, self.pause = events, pause
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
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


def started(port):
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.05)
    sys.exit("a proxy did not start")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="target/release/propylon")
    parser.add_argument("--events", type=int, default=2000)
    parser.add_argument("--pause", type=float, default=0.005)
    args = parser.parse_args()
    upstream = Upstream(args.events, args.pause)
    ways, processes = [("direct", upstream.port)], []
    with tempfile.TemporaryDirectory() as directory:
        port, path = free_port(), os.path.join(directory, "propylon.toml")
        with open(path, "w", encoding="utf-8") as config:
            config.write(
                f'[[server]]\nlisten = ["127.0.0.1:{port}"]\n[[server.location]]\nmatch = "/"\n'
                f'proxy_pass = "http://127.0.0.1:{upstream.port}"\n'
            )
        processes.append(subprocess.Popen([args.binary, "run", "--config", path]))
        ways.append(("propylon", port))
        port, path = free_port(), os.path.join(directory, "nginx.conf")
        with open(path, "w", encoding="utf-8") as config:
            config.write(
                f"daemon off; pid {directory}/pid; error_log {directory}/error.log; events {{}}\n"
                f"http {{ access_log off; client_body_temp_path {directory}/a; proxy_temp_path {directory}/b;\n"
                f"server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://127.0.0.1:{upstream.port}; }} }} }}\n"
            )
        if os.path.exists("/usr/sbin/nginx"):
            processes.append(subprocess.Popen(["/usr/sbin/nginx", "-p", directory, "-c", path]))
            ways.append(("nginx", port))
        try:
            for name, port in ways:
                started(port)
                found = latencies(port)
                at = lambda share: found[min(len(found) - 1, int(len(found) * share))]
                print(
                    f"{name:10} {len(found)} events: p50 {at(0.5):7.0f} us, p99 {at(0.99):7.0f} us, most {found[-1]:7.0f} us"
                )
        finally:
            for process in processes:
                process.terminate()
                process.wait()


main()
