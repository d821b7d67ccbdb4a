//! PHP (php-fpm) behind the gateway and behind nginx.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use std::net::SocketAddr;

use propylon_tests::{Pair, lossy, raw_request};

mod fastcgi_support;
use fastcgi_support::Php;

const CONF: &str = r#"
http {
    access_log off; server_tokens off; underscores_in_headers on;
    server {
        listen @LISTEN@; server_name a.test; root @WWW@; index index.php;
        location / { try_files $uri $uri/ /index.php?q=$uri&$args; }
        location ~ \.php(/|$) {
            include /etc/nginx/fastcgi.conf;
            fastcgi_split_path_info ^(.+\.php)(/.*)$;
            fastcgi_param PATH_INFO $fastcgi_path_info;
            fastcgi_param PATH_TRANSLATED $document_root$fastcgi_path_info;
            fastcgi_param OWN $arg_a if_not_empty;
            fastcgi_param HTTP_PROXY ""; fastcgi_param HTTP_X_ROLE none;
            fastcgi_hide_header X-Powered-By;
            fastcgi_pass @TCP@;
        }
    }
}
"#;

/// Of the connection's own; nginx passes also what belongs to the client's connection, and what has a name of its own.
const APART: &str = "^(pid|REMOTE_PORT|REMOTE_ADDR|SERVER_ADDR|SERVER_SOFTWARE|REQUEST_TIME(_FLOAT)?|\
     HTTP_(CONNECTION|TRANSFER_ENCODING|CONTENT_TYPE|CONTENT_LENGTH))=";

/// What is the same before both: status, fields, and what PHP saw.
fn comparable(at: SocketAddr, request: &str) -> (String, Vec<(String, String)>, Vec<String>) {
    let answer = raw_request(at, request.as_bytes()).unwrap();
    let ours = ["date", "server", "connection", "transfer-encoding", "etag"];
    let fields = answer.head.fields().into_iter().filter(|(name, _)| !ours.contains(&&**name));
    let mut fields: Vec<_> = fields.map(|(name, value)| (name, lossy(&value))).collect();
    fields.sort();
    let apart = regex::Regex::new(APART).unwrap();
    let text = answer.text();
    let mut lines: Vec<_> = text.lines().filter(|line| !apart.is_match(line)).map(str::to_owned).collect();
    lines.sort();
    (lossy(answer.head.start_line()), fields, lines)
}

#[test]
fn php_sees_the_same_behind_nginx() {
    let fpm = Php::start();
    let www = fpm.path("www").display().to_string();
    let pair = Pair::start(CONF, &[("WWW", &www), ("TCP", &fpm.tcp.to_string())]);
    let dump = "GET /index.php|GET /index.php?a=b&c|GET /|GET /folder/|GET /folder|GET /nice/path?x=y|GET /index.php/more%20/x?a=%41|\
        GET /index.php/|GET //index.php|GET /a/../index.php|GET /index%2ephp|HEAD /index.php|DELETE /index.php|GET /files/a.txt|\
        GET /none.php|GET /index.phpx|GET http://a.test/index.php|OPTIONS /index.php";
    let told = "status&n=204|status&n=404|status&n=304|status&n=201|location&to=/there|location&to=http://b/|length|cookies|\
        fatal|reason|accel&to=/folder/%3Fx=y|big&n=20";
    let told = told.split('|').map(|what| format!("GET /index.php?do={what}"));
    let lines = dump.split('|').map(str::to_owned).chain(told);
    let fields = "Host: a.test\r\nProxy: x\r\nX-Test: a, b\r\nCookie: a=1; b=2\r\nAuthorization: Basic YTpi\r\nx_odd: 1\r\nX_Role: admin\r\n";
    let mut requests: Vec<_> = lines.map(|line| format!("{line} HTTP/1.1\r\n{fields}\r\n")).collect();
    let post = format!("POST /index.php?a=1 HTTP/1.1\r\n{fields}Content-Type: text/x\r\n");
    requests.push(format!("{post}Content-Length: 3\r\n\r\nx=y"));
    requests.push(format!("{post}Content-Length: 0\r\n\r\n"));
    requests.push(format!("{post}Transfer-Encoding: chunked\r\n\r\n3\r\nx=y\r\n0\r\n\r\n"));
    requests.push("GET /index.php HTTP/1.0\r\n\r\n".to_owned());
    for request in requests {
        let [ours, theirs] = pair.at.map(|at| comparable(at, &request));
        assert_eq!(ours, theirs, "{request}: left is propylon, right is nginx");
    }
}
