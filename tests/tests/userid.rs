//! A cookie by which clients are known again, beside nginx: who has one of the other's keeps it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test"
)]

use std::collections::HashSet;
use std::net::SocketAddr;
use std::thread;

use propylon_tests::{LIMIT, Pair, Propylon, address, lossy, raw_request, until};

const CONF: &str = r#"
http {
    access_log off;
    server_tokens off;
    map $arg_reset $uid_reset { default $arg_reset; }
    server {
        listen @LISTEN@;
        userid on;
        location / { return 200 "$uid_got|$uid_set"; }
        location /v1 { userid v1; return 200 "$uid_got|$uid_set"; }
        location /log { userid log; return 200 "$uid_got|$uid_set"; }
        location /off { userid off; return 200 "$uid_got|$uid_set"; }
        location /named { userid_name Id; userid_domain a.example; userid_path /x; userid_expires max; return 204; }
        location /flags { userid_flags secure httponly samesite=lax; userid_p3p 'CP="x"'; return 404; }
        location /other { userid_flags samesite=strict; userid_domain none; add_header Set-Cookie own=1; return 302 /x; }
        location /none { userid_flags samesite=none; add_header X-Set $uid_set always; error_page 403 /page; return 403; }
        location = /page { return 200 "$uid_got|$uid_set"; }
        location /marked { userid_mark k; return 200 "$uid_got|$uid_set|$args"; }
        location /equals { userid_mark =; return 200 "$uid_got|$uid_set"; }
        location /service { userid_service 66051; return 200 "$uid_got|$uid_set"; }
        location /service1 { userid v1; userid_service 66051; return 200 "$uid_got|$uid_set"; }
        location /away { rewrite ^ /off last; }
        location /moved { rewrite ^ /marked last; }
        location /asked { set $before $uid_set; rewrite ^ /marked?$before last; }
    }
}
"#;

/// What is answered: the fields that matter, and the body.
#[derive(Debug, PartialEq)]
struct Said {
    status: u16,
    fields: Vec<(String, String)>,
    body: String,
}

fn ask(to: SocketAddr, path: &str, cookies: &str) -> Said {
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n{cookies}Connection: close\r\n\r\n");
    let answer = raw_request(to, request.as_bytes()).unwrap();
    let fields =
        answer.head.fields().into_iter().map(|(name, value)| (name.to_ascii_lowercase(), lossy(&value)));
    let fields = fields.filter(|(name, _)| ["set-cookie", "p3p", "x-set"].contains(&name.as_str())).collect();
    Said {
        status: answer.status,
        fields,
        body: if answer.status == 200 { answer.text() } else { String::new() },
    }
}

impl Said {
    /// The value of the cookie that is set, and the id in it.
    fn cookie(&self) -> Option<(&str, &str)> {
        let lines = self.fields.iter().filter(|(name, _)| name == "set-cookie");
        let values =
            lines.filter_map(|(_, line)| line.strip_prefix("uid=").or_else(|| line.strip_prefix("Id=")));
        let value = values.map(|value| value.split(';').next().unwrap()).next()?;
        Some((value, &value[..22]))
    }

    /// With `X` and `Y` in the place of the id that the client `has`, and `new` in that of any other.
    fn without_ids(&self, has: (&str, &str)) -> Self {
        let id = self.cookie().map(|(_, id)| id.to_owned()).unwrap_or_default();
        let plain = |text: &str| {
            let text = text.replace(has.0, "X").replace(has.1, "Y");
            hex(&if id.is_empty() { text } else { text.replace(&id, "new") })
        };
        let fields = self.fields.iter().map(|(name, value)| (name.clone(), plain(value))).collect();
        Self { status: self.status, fields, body: plain(&self.body) }
    }
}

/// 32 hexadecimal digits are `new`.
fn hex(text: &str) -> String {
    let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'A'..=b'F');
    let mut shown = text.to_owned();
    while let Some(at) = shown.as_bytes().windows(32).position(|part| part.iter().all(is_digit)) {
        shown.replace_range(at..at + 32, "new");
    }
    shown
}

const PATHS: &[&str] = &[
    "/",
    "/v1",
    "/log",
    "/off",
    "/named",
    "/flags",
    "/other",
    "/none",
    "/marked",
    "/equals",
    "/service",
    "/service1",
    "/moved",
    "/away",
    "/asked",
    "/?reset=0",
    "/?reset=1",
    "/marked?reset=log",
    "/log?reset=1",
];

/// One that nginx gave, and how it shows it.
const KNOWN: (&str, &str) = ("fwAAAWsI5mKutga5AwMDAg", "0100007F62E6086BB906B6AE02030303");

#[test]
fn cookies_are_those_of_nginx() {
    let Pair { at: [ours, theirs], gateway, nginx, .. } = Pair::start(CONF, &[]);
    let cookies = [
        "",
        "Cookie: uid=@==\r\n",
        "Cookie: uid=@k=\r\n",
        "Cookie: uid=@\r\n",
        "Cookie: uid=@===\r\n",
        "Cookie: uid=@k\r\n",
        "Cookie: a=b; UID = @kx; c=d\r\n",
        "Cookie: uid=short\r\nCookie: uid=@==\r\n",
        "Cookie: a=b\r\nCookie: uid=@==\r\n",
        "Cookie: uid=****************************\r\n",
        "Cookie: uid=AQEBAQEBAQEBAQEBAAAAAA==\r\n",
        "Cookie: Id=@==; xuid=@==\r\n",
        "Cookie: uid\r\n",
        "Cookie: uid=\r\n",
    ];
    let mut distinct = HashSet::new();
    for path in PATHS {
        for cookies in cookies.map(|cookies| cookies.replace('@', KNOWN.0)) {
            // nginx remembers the variable as it was in the first location.
            if *path == "/asked" && !cookies.is_empty() {
                continue;
            }
            let [found, expected] = [ours, theirs].map(|to| ask(to, path, &cookies).without_ids(KNOWN));
            assert_eq!(found, expected, "{path} {cookies}");
            distinct.insert(format!("{found:?}"));
        }
    }
    assert!(distinct.len() > 15, "{}", distinct.len());

    // Either knows whom the other has given an id, and shows it alike; both have the same numbers in the same places.
    for path in ["/", "/v1", "/service", "/service1"] {
        let mut starts = Vec::new();
        for [gives, knows] in [[ours, theirs], [theirs, ours]] {
            let given = ask(gives, path, "");
            let (value, _) = given.cookie().unwrap();
            let known = ask(knows, path, &format!("Cookie: uid={value}\r\n"));
            assert_eq!((known.cookie(), &known.body), (None, &format!("{}|", &given.body[1..])), "{path}");
            let id = &given.body["|uid=".len()..];
            let time = u32::from_str_radix(&id[8..16], 16).unwrap();
            let time = if path.ends_with('1') { time } else { time.swap_bytes() };
            assert!((1_700_000_000..4_000_000_000).contains(&time), "{path} {id}");
            starts.push((id[..8].to_owned(), id[24..][..2].to_owned()));
        }
        if path != "/" {
            assert_eq!(starts[0], starts[1], "{path}"); // those of "/" are of their addresses
        }
    }
    let address = |listen: SocketAddr| {
        let std::net::IpAddr::V4(ip) = listen.ip() else { panic!("{listen}") };
        format!("|uid={:08X}", u32::from_le_bytes(ip.octets()))
    };
    for to in [ours, theirs] {
        assert!(ask(to, "/", "").body.starts_with(&address(to)), "{to}");
    }
    // Wherever a request goes, its client is given one id.
    for to in [ours, theirs] {
        let asked = ask(to, "/asked", "").body;
        let ids: Vec<&str> = asked.split('|').collect();
        assert!(ids.len() == 3 && ids[1] == ids[2] && ids[1].len() == 36, "{asked}");
    }
    drop((gateway, nginx));
}

/// What is shown to logs and to whoever answers is what the client gets, and nobody gets what another one has.
#[test]
fn everybody_has_an_id_of_his_own() {
    let listen = address();
    let gateway = Propylon::start(&format!(
        "[runtime]\nworkers = 2\n[error_log]\npath = \"@DIR@/error.log\"\nlevel = \"info\"\n[log_format]\nids = \"$uid_got|$uid_set\"\n\
         [[server]]\nlisten = [\"{listen}\"]\naccess_log = {{ path = \"@DIR@/access.log\", format = \"ids\" }}\n\
         userid = {{ mode = \"on\", reset = \"$arg_reset\" }}\nreturn = [200, \"$uid_got|$uid_set\"]\n"
    ));
    let ask_many = move || {
        let asked = (0..50).map(|_| ask(listen, "/", ""));
        asked.map(|said| (said.cookie().unwrap().1.to_owned(), said.body)).collect::<Vec<_>>()
    };
    let threads: Vec<_> = (0..4).map(|_| thread::spawn(ask_many)).collect();
    let all: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    let distinct: HashSet<_> = all.iter().map(|(id, _)| id).collect();
    assert_eq!((all.len(), distinct.len()), (200, 200));
    let shown: HashSet<_> = all.iter().map(|(_, body)| body).collect();
    assert_eq!(shown.len(), 200);
    let log = || Some(gateway.read("access.log")).filter(|log| log.lines().count() >= 200);
    let log = until("the log", LIMIT, log);
    assert!(log.lines().all(|line| shown.contains(&line.replacen('-', "", 1))), "{log}");

    // Who is to have another id gets one, and that is told.
    let cookie = format!("Cookie: uid={}==\r\n", KNOWN.0);
    let reset = ask(listen, "/?reset=log", &cookie);
    assert!(
        reset.cookie().is_some() && reset.body.starts_with(&format!("uid={}|uid=", KNOWN.1)),
        "{reset:?}"
    );
    gateway.tells(&format!("userid cookie \"uid={}\" was reset", KNOWN.1));
    assert_eq!(ask(listen, "/", &cookie).cookie(), None);
}
