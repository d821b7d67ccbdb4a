#!/usr/bin/env python3
"""Records propylon.profdata: an instrumented binary serves what operators have it serve, and is loaded. README.md tells more."""

import contextlib
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
WORKSPACE = HERE.parent
sys.path.insert(0, str(WORKSPACE / "bench"))

import proxies  # noqa: E402
import scenarios  # noqa: E402
from processes import alone, need, onto, output, running, wait_until_open  # noqa: E402

PROFILE = HERE / "propylon.profdata"
WRAPPER = HERE / "rustc"
TARGET = WORKSPACE / "target" / "pgo"
RAW = TARGET / "raw"
SECONDS = 3

# A function none of whose blocks ran so often is compiled as without a profile.
LEAST = 2000

UPLOAD = 'wrk.method = "POST"\nwrk.body = string.rep("x", {})\n'


def main():
    profdata = tool()
    with alone(), contextlib.ExitStack() as stack:
        binary = build()
        shutil.rmtree(RAW, ignore_errors=True)  # the build's own programs are instrumented too
        stack.enter_context(proxies.origin(core=1))
        benchmarks(binary)
        training(binary)
    merge(profdata)
    announce()
    print(f"{PROFILE.relative_to(WORKSPACE)}: {PROFILE.stat().st_size >> 10} KiB")


def tool():
    """The toolchain's own llvm-profdata: the format is its compiler's."""
    command = ["rustc", "--print", "target-libdir"]
    libraries = subprocess.run(command, cwd=WORKSPACE, capture_output=True, text=True, check=True).stdout.strip()
    path = pathlib.Path(libraries).parent / "bin" / "llvm-profdata"
    if not path.exists():
        sys.exit("llvm-profdata is not here; install it:\n    rustup component add llvm-tools")
    return path


def build():
    """The instrumented binary."""
    cargo = ["cargo", "build", "--release", "--locked", "-p", "propylon", "--target-dir", TARGET]
    flags = {"CARGO_ENCODED_RUSTFLAGS": f"-Cprofile-generate={RAW}"}
    subprocess.run(cargo, cwd=WORKSPACE, env={**os.environ, **flags}, check=True)
    return str(TARGET / "release" / "propylon")


def benchmarks(binary):
    """What bench/ measures."""
    with proxies.workplace("pgo") as directory:
        shutil.copy(proxies.HERE / "propylon.toml", directory)
        with serving(binary, directory, "propylon.toml", next(iter(scenarios.ALL.values())).port):
            for scenario in scenarios.ALL.values():
                close = ["-H", "Connection: close"] if scenario.close else []
                wrk(f"http://127.0.0.1:{scenario.port}{scenario.path}", scenario.clients, *close)


def training(binary):
    """The routes of train.toml."""
    with proxies.workplace("pgo") as directory, contextlib.ExitStack() as stack:
        furnish(pathlib.Path(directory))
        php = stack.enter_context(running([fpm(), "-R", "-F", "-p", directory, "-y", "php.conf"], directory))
        while not pathlib.Path(directory, "php.sock").exists():
            if php.poll() is not None:
                raise RuntimeError(f"php-fpm ended with {php.returncode}:\n{output(directory)}")
            time.sleep(0.05)
        stack.enter_context(serving(binary, directory, "train.toml", 18201))
        here = pathlib.Path(directory)
        for path in ("/1k", "/app", "/1m"):
            wrk(f"http://127.0.0.1:18201{path}", 64 if path != "/1m" else 8)
        for path in ("/app", "/several/1k", "/two/1k", "/secure/1k", "/old/1k", "/hello", "/packed/1k", "/missing"):
            wrk(f"http://127.0.0.1:18202{path}?a=b", 64)
        wrk("http://127.0.0.1:18202/index.php", 8)
        for port, script in ((18201, "large.lua"), (18202, "large.lua"), (18202, "small.lua")):
            wrk(f"http://127.0.0.1:{port}/1k", 8, "-s", str(here / script))
        wrk("https://127.0.0.1:18203/1k", 64)
        wrk("https://127.0.0.1:18203/1m", 8)
        wrk("https://127.0.0.1:18203/1k", 16, "-H", "Connection: close")
        h2load("https://127.0.0.1:18203/1k")
        h2load("http://127.0.0.1:18204/app")
        for path in ("/1k", "/files/1k", "/1m"):
            wrk(f"http://127.0.0.1:18205{path}", 64 if path != "/1m" else 8)
        wrk("http://127.0.0.1:18206/", 64)


def furnish(directory):
    """What train.toml names."""
    config = (HERE / "train.toml").read_text()
    (directory / "train.toml").write_text(config.replace("@DIRECTORY@", str(directory)))
    www = directory / "www"
    www.mkdir()
    (www / "index.html").write_text("<!doctype html><title>Hello</title>" + "<p>Hello</p>" * 200)
    (www / "index.php").write_text('<?php header("X-Powered-By: bench"); echo str_repeat("x", 1024);')
    (directory / "large.lua").write_text(UPLOAD.format(1 << 20))
    (directory / "small.lua").write_text(UPLOAD.format(2000))
    (directory / "php.conf").write_text(
        "[global]\nerror_log = php.log\n[www]\nuser = nobody\nlisten = php.sock\nlisten.mode = 0666\npm = static\npm.max_children = 4\n"
    )
    subject = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", "/CN=localhost"]
    files = ["-keyout", directory / "key.pem", "-out", directory / "cert.pem"]
    subprocess.run([need("openssl", "openssl"), "req", *subject, *files], check=True, capture_output=True)


def fpm():
    """php-fpm, whatever its version."""
    found = sorted(pathlib.Path("/usr/sbin").glob("php-fpm*"))
    return str(found[-1]) if found else need("php-fpm", "php-fpm")


@contextlib.contextmanager
def serving(binary, directory, config, port):
    """The instrumented binary; it writes its counts when it ends."""
    with running([binary, "run", "--config", config], directory, core=0) as process:
        wait_until_open(port, process, directory)
        yield


def wrk(url, clients, *options):
    """Loads a URL."""
    load([need("wrk", "wrk"), "-t1", f"-c{clients}", f"-d{SECONDS}s", *options, url], "requests in")


def h2load(url):
    """The same over HTTP/2."""
    load([need("h2load", "nghttp2-client"), "-t1", "-c8", "-m32", "-D", str(SECONDS), url], "finished in")


def load(argv, sign):
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60, preexec_fn=onto(1, 0))
    line = next((line.strip() for line in done.stdout.splitlines() if sign in line), None)
    if done.returncode or not line:
        raise RuntimeError(f"{' '.join(argv)}: {done.stdout}{done.stderr}")
    bad = [line.strip() for line in done.stdout.splitlines() if "Non-2xx" in line or "Socket errors" in line]
    print(f"{argv[-1]}: {line}", *bad, flush=True)


def merge(profdata):
    """One profile of all counts, without what ran seldom."""
    text = TARGET / "profile.txt"
    subprocess.run([profdata, "merge", "--sparse", "--text", RAW, "-o", text], check=True)
    blocks = text.read_text().split("\n\n")
    kept = [block for block in blocks if ":ir" in block or often(block)]
    text.write_text("\n\n".join(kept) + "\n")
    subprocess.run([profdata, "merge", "--sparse", text, "-o", PROFILE], check=True)


def announce():
    """Tells cargo, by the wrapper, that it is another profile."""
    digest = hashlib.sha1(PROFILE.read_bytes()).hexdigest()
    WRAPPER.write_text(re.sub(r"(?m)^profile=.*$", f"profile={digest}", WRAPPER.read_text()))


def often(block):
    """Whether a function ran often: its counters come last."""
    _, found, counters = block.partition("# Counter Values:\n")
    return bool(found) and max(map(int, counters.split("#")[0].split())) >= LEAST


if __name__ == "__main__":
    main()
