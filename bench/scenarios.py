"""What is measured: one row a scenario. The proxies' side of each is in propylon.toml and nginx.conf."""

import dataclasses

KIB = 1024
MIB = 1024 * KIB


@dataclasses.dataclass(frozen=True)
class Scenario:
    """A server of the two configuration files (by its port), and how it is asked."""

    name: str
    title: str
    port: int
    path: str = "/1k"
    size: int = KIB  # bytes of the answer's body
    clients: int = 64  # connections of the load generator
    close: bool = False  # a connection for each request
    counted: tuple = (2000, 6000)  # requests of the two runs that instructions.py compares
    hidden: tuple = ()  # response fields that must not come through


ALL = {
    s.name: s
    for s in (
        Scenario("plain", "proxy route, 1 KiB, keepalive on both sides, access log", 18101),
        Scenario("nolog", "the same without a log", 18102),
        Scenario("buffered", "the same with `buffer=64k flush=5s`", 18103),
        Scenario(
            "headers",
            "Host, X-Real-IP, X-Forwarded-For set, two fields hidden, access log",
            18104,
            "/app",
            hidden=("X-Powered-By", "X-Internal-Id"),
        ),
        Scenario("http2", "the same as `plain`, over HTTP/2 to the upstream (nginx 1.22 cannot: HTTP/1.1)", 18105),
        Scenario("large", "1 MiB, 8 clients, access log", 18101, "/1m", MIB, clients=8, counted=(100, 400)),
        Scenario("file", "a file of 100 KiB, 16 clients", 18106, "/100k", 100 * KIB, clients=16),
        Scenario("file_large", "a file of 10 MiB, 8 clients", 18106, "/10m", 10 * MIB, clients=8, counted=(20, 60)),
        Scenario("disk", "a hit of a cache in files, 100 KiB, 16 clients", 18107, "/100k", 100 * KIB, clients=16),
        Scenario("disk_large", "the same, 10 MiB, 8 clients", 18107, "/10m", 10 * MIB, clients=8, counted=(20, 60)),
        Scenario("close", "a client connection for each request, 1 KiB, access log", 18101, close=True),
    )
}


def chosen(names):
    """The scenarios of a comma-separated list."""
    unknown = [name for name in names.split(",") if name not in ALL]
    if unknown:
        raise SystemExit(f"no such scenario: {', '.join(unknown)}; there are {', '.join(ALL)}")
    return [ALL[name] for name in names.split(",")]
