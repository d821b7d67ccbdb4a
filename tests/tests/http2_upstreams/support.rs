//! Peers that speak HTTP/2, and a gateway before them.

use std::net::SocketAddr;

use propylon_testkit::http2::{END_STREAM, Frames, Http2Peer, kind};
use propylon_tests::{LIMIT, Nginx, Propylon, RawResponse, raw_request, until};

/// nginx as an origin that tells what it got.
pub(crate) fn origin(listen: &str, rest: &str) -> Nginx {
    Nginx::start(&format!(
        "http {{ client_max_body_size 0; client_body_buffer_size 64k; {rest}
           server {{ listen {listen}; root @DIR@;
             location / {{ return 200 \"$server_protocol $request_method $scheme $host $request_uri te=$http_te conn=$http_connection ra=$http_x_real_ip\"; }}
             location /length {{ proxy_pass http://unix:@DIR@/len.sock; }}
             location /files/ {{ alias @DIR@/; }}
             location /s204 {{ return 204; }} location /s404 {{ return 404; }} location /s503 {{ return 503; }} }}
           server {{ listen unix:@DIR@/len.sock; location / {{ return 200 $http_content_length; }} }} }}"
    ))
}

/// The gateway before one location's worth of configuration.
pub(crate) fn gateway(listen: SocketAddr, location: &str) -> Propylon {
    Propylon::start(&format!(
        "[error_log]\npath = \"@DIR@/error.log\"\nlevel = \"debug\"\n\
         [log_format]\ntries = '$status [$upstream_status] [$upstream_addr] $upstream_response_length $request_uri'\n\
         [defaults.access_log]\npath = \"@DIR@/access.log\"\nformat = \"tries\"\n\
         [[server]]\nlisten = [\"{listen}\"]\n{location}"
    ))
}

pub(crate) fn location(to: &str, more: &str) -> String {
    format!(
        "[[server.location]]\nmatch = \"/\"\nproxy_pass = \"{to}\"\nlimit.body_size = \"unlimited\"\n\
         headers.set = {{ Host = \"$host\", \"X-Real-IP\" = \"$remote_addr\" }}\nupstream.http_version = \"2\"\n{more}\n"
    )
}

pub(crate) fn get(at: SocketAddr, target: &str) -> RawResponse {
    raw_request(at, format!("GET {target} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n").as_bytes())
        .unwrap()
}

pub(crate) fn line(gateway: &Propylon, nth: usize) -> String {
    gateway.lines("access.log", nth)[nth - 1].clone()
}

pub(crate) fn logged(gateway: &Propylon, text: &str) {
    until(&format!("`{text}` in the error log"), LIMIT, || gateway.error_log().contains(text).then_some(()));
}

/// A peer whose requests are answered by `script`.
pub(crate) fn peer<F, Fut>(script: F) -> Http2Peer
where
    F: Fn(usize, Frames) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = std::io::Result<()>> + Send + 'static,
{
    Http2Peer::frames(move |n, mut frames| {
        let script = script.clone();
        async move {
            frames.settings(&[]).await?;
            script(n, frames).await
        }
    })
}

/// The next request, when its body has come.
pub(crate) async fn whole(frames: &mut Frames) -> std::io::Result<u32> {
    let mut frame = frames.next(kind::HEADERS).await?;
    // Its trailers are a head as well; what else comes has no stream.
    while frame.stream == 0 || frame.flags & END_STREAM == 0 {
        frame = frames.read().await?;
        let more = u32::try_from(frame.payload.len()).unwrap();
        if frame.kind == kind::DATA && more > 0 {
            frames.window(0, more).await?;
            frames.window(frame.stream, more).await?;
        }
    }
    Ok(frame.stream)
}
