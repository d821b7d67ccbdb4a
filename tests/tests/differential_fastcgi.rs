//! PHP (php-fpm) behind the gateway and behind nginx.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use propylon_tests::Pair;
use regex::Regex;

mod differential_support;
mod fastcgi_support;
use differential_support::{alike, requests};
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
    alike(&pair, requests("/index.php", lines, true), &Regex::new(APART).unwrap(), &[]);
}
