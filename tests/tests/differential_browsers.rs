//! Which browsers are modern and which ancient, beside nginx.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::collections::BTreeSet;
use std::net::SocketAddr;

use propylon_tests::{Pair, raw_request};

const CONF: &str = r#"
http {
    access_log off;
    server_tokens off;
    server {
        listen @LISTEN@;
        location / { return 200 "$modern_browser|$ancient_browser|$msie"; }
        location /some {
            modern_browser msie 5.5; modern_browser gecko 1.0.0; modern_browser opera 9.0; modern_browser safari 413; modern_browser konqueror 3.0;
            ancient_browser Links Lynx netscape4;
            modern_browser_value modern.; ancient_browser_value ancient.;
            return 200 "$modern_browser|$ancient_browser|$msie";
            location /some/own { modern_browser MSIE 6; return 200 "$modern_browser|$ancient_browser|$msie"; }
            location /some/unlisted { modern_browser unlisted; return 200 "$modern_browser|$ancient_browser|$msie"; }
            location /some/ancient { ancient_browser Safari; return 200 "$modern_browser|$ancient_browser|$msie"; }
            location /some/values { modern_browser_value ""; return 200 "$modern_browser|$ancient_browser|$msie"; }
        }
        location /unlisted { modern_browser unlisted; ancient_browser Links; ancient_browser netscape4; return 200 "$modern_browser|$ancient_browser|$msie"; }
        location /both { modern_browser unlisted; modern_browser msie 6.0; modern_browser msie 5.0; ancient_browser Opera; return 200 "$modern_browser|$ancient_browser|$msie"; }
        location /versions { modern_browser gecko 1.2.3.4; return 200 "$modern_browser|$ancient_browser|$msie"; }
        location /moved { modern_browser unlisted; rewrite ^ / last; }
    }
}
"#;

const PATHS: &[&str] = &[
    "/",
    "/some",
    "/some/own",
    "/some/unlisted",
    "/some/ancient",
    "/some/values",
    "/unlisted",
    "/both",
    "/versions",
    "/moved",
];

const BROWSERS: &[&str] = &[
    "Opera/7.50 (X11; FreeBSD i386; U)  [en]",
    "Mozilla/5.0 (X11; FreeBSD i386; U) Opera 7.50  [en]",
    "Mozilla/4.0 (compatible; MSIE 6.0; X11; FreeBSD i386) Opera 7.50  [en]",
    "Opera/8.0 (Windows NT 5.1; U; ru)",
    "Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.0; en) Opera 8.0",
    "Opera/9.01 (X11; FreeBSD 6 i386; U; en)",
    "Opera/9.0",
    "Opera",
    "Opera/",
    "Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1)",
    "Mozilla/4.0 (compatible; MSIE 5.5; Windows NT 5.1)",
    "Mozilla/4.0 (compatible; MSIE 5.01; Windows NT 5.1)",
    "Mozilla/4.0 (compatible; MSIE 5.49.99; Windows NT 5.1)",
    "Mozilla/4.0 (compatible; MSIE 10.0; Windows NT 5.1)",
    "Mozilla/4.0 (compatible; MSIE ",
    "MSIE 6.0",
    "MSIE 6.",
    "MSIE 6",
    "Mozilla/5.0 (X11; U; Linux i686; en-US; rv:1.0.0) Gecko/20020610",
    "Mozilla/5.0 (X11; U; Linux i686; en-US; rv:0.9.9) Gecko/20020610",
    "Mozilla/5.0 (Windows; U; Windows NT 5.1; ru-RU; rv:1.5) Gecko/20031006",
    "Mozilla/5.0 (Windows; U; Windows NT 5.1; ru-RU; rv:1.2.3.3) Gecko/20031006",
    "Mozilla/5.0 (Windows; U; Windows NT 5.1; ru-RU; rv:1.2.3.4) Gecko/20031006",
    "Mozilla/5.0 (Windows; U; Windows NT 5.1; ru-RU; rv:1.2.4) Gecko/20031006",
    "Mozilla/5.0 (Windows; U; Windows NT 5.1; ru-RU; rv:1.2.3.4.5) Gecko/20031006",
    "Mozilla/5.0 (Windows; U; Windows NT 5.1; ru-RU; rv:1.2.200) Gecko/20031006",
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 rv:9",
    "Mozilla/5.0 (Macintosh; U; PPC Mac OS X; ru-ru) AppleWebKit/125.2 (KHTML, like Gecko) Safari/125.7",
    "Mozilla/5.0 (SymbianOS/9.1; U; en-us) AppleWebKit/413 (KHTML, like Gecko) Safari/413",
    "Mozilla/5.0 (Macintosh; U; PPC Mac OS X; ru-ru) AppleWebKit/418.8 (KHTML, like Gecko) Safari/419.3",
    "Mozilla/5.0 (compatible; Konqueror/3.1; Linux)",
    "Mozilla/5.0 (compatible; Konqueror/2.9; FreeBSD) KHTML/3.5.1 (like Gecko)",
    "Mozilla/4.72 [en] (X11; U; Linux 2.2.14 i686)",
    "Mozilla/4.72 ",
    "Mozilla/4.72 x",
    "Mozilla/5.0 (nothing)",
    "Mozilla/0.9 (nothing at all)",
    "Links (2.1pre17; Linux 2.6.11-gentoo-r8 i686; 80x24)",
    "Lynx/2.8.5rel.1 libwww-FM/2.14",
    "curl/8",
    "x",
    "",
];

fn said(to: SocketAddr, path: &str, browser: Option<&str>) -> String {
    let field = browser.map(|browser| format!("User-Agent: {browser}\r\n")).unwrap_or_default();
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n{field}Connection: close\r\n\r\n");
    raw_request(to, request.as_bytes()).unwrap().text()
}

#[test]
fn browsers_are_what_they_are_to_nginx() {
    let Pair { at: [ours, theirs], gateway, nginx, .. } = Pair::start(CONF, &[]);
    let mut distinct = BTreeSet::new();
    for path in PATHS {
        for browser in BROWSERS.iter().map(|browser| Some(*browser)).chain([None]) {
            let [found, expected] = [ours, theirs].map(|to| said(to, path, browser));
            assert_eq!(found, expected, "{path} {browser:?}");
            distinct.insert(found);
        }
    }
    assert!(distinct.len() > 6, "{distinct:?}");
    drop((gateway, nginx));
}
