#!/usr/bin/env bash
# Passes all tests, after it has installed what they need (Debian: nginx as the reference to compare with, and its modules of geoip2 and of streams, OpenSSL's own
# server, a browser and a library that speak WebSocket, php-fpm, uWSGI with Python, h2load, haproxy, gRPC and protocol buffers, a certificate
# authority, Redis, memcached, the exporter that reads nginx Plus' API for Prometheus).
# The README's test command; .ci/run calls it.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] || missing+=(nginx)
[ -e /usr/lib/nginx/modules/ngx_stream_module.so ] || missing+=(libnginx-mod-stream)
[ -e /usr/lib/nginx/modules/ngx_http_geoip2_module.so ] || missing+=(libnginx-mod-http-geoip2)
command -v curl >/dev/null || missing+=(curl)
[ -x /usr/sbin/haproxy ] || missing+=(haproxy)
command -v h2load >/dev/null || missing+=(nghttp2-client)
command -v openssl >/dev/null || missing+=(openssl)
ls /usr/sbin/php-fpm* >/dev/null 2>&1 || missing+=(php-fpm)
[ -x /usr/bin/uwsgi_python3 ] || missing+=(uwsgi-core uwsgi-plugin-python3)
command -v ip >/dev/null || missing+=(iproute2)
command -v pebble >/dev/null || missing+=(pebble)
command -v memcached >/dev/null || missing+=(memcached)
command -v prometheus-nginx-exporter >/dev/null || missing+=(prometheus-nginx-exporter)
command -v redis-server >/dev/null || missing+=(redis-server)
/usr/bin/python3 -c 'import grpc, google.protobuf' 2>/dev/null || missing+=(python3-grpcio python3-protobuf)
[ -x /usr/bin/chromium ] || missing+=(chromium)
/usr/bin/python3 -c 'import websockets' 2>/dev/null || missing+=(python3-websockets)
if [ ${#missing[@]} -gt 0 ]; then
    sudo=$([ "$(id -u)" = 0 ] || echo sudo)
    $sudo apt-get update -q
    # Only the programs are wanted: no service is started. A policy of the machine's own stays.
    policy=/usr/sbin/policy-rc.d
    if [ -e $policy ]; then
        policy=
    else
        echo 'exit 101' | $sudo tee $policy >/dev/null && $sudo chmod +x $policy
    fi
    installed=0
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -q --no-install-recommends "${missing[@]}" || installed=$?
    [ -z "$policy" ] || $sudo rm -f "$policy"
    [ "$installed" = 0 ] || exit "$installed"
fi

run() {
    printf '\n== %s\n' "$*"
    "$@"
}
run cargo fmt --all --check
run cargo clippy --workspace --all-targets --locked -- -D warnings
run cargo build --locked -p propylon
run cargo test --workspace --locked
# And what must hold with hyper in the place of our own HTTP/1.1 engine (round_trip runs on both by itself).
hyper=()
for name in \
    compression \
    differential_balance \
    differential_routing \
    differential_variables \
    error_pages \
    faults \
    handover \
    heads \
    http2_upstreams \
    reload \
    survival \
    tls \
    tls_upstreams \
    traces \
    tunnels \
    upstreams \
    websocket; do
    hyper+=(--test "$name")
done
run env PROPYLON_HTTP1=hyper cargo test --locked -p propylon-tests "${hyper[@]}"
export RUSTDOCFLAGS="-D warnings"
run cargo doc --workspace --no-deps --locked
