//! Limits of requests and connections against nginx: the same nginx.conf for both.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test"
)]

use std::net::SocketAddr;

use propylon_tests::{Client, LIMIT, Nginx, Origin, Propylon, addresses, raw_request, until};

/// Rates are slow: what a test does takes no part of a turn.
const CONF: &str = r#"
http {
    limit_req_zone $arg_key zone=one:1m rate=1r/m;
    limit_req_zone $arg_key zone=burst:1m rate=1r/m;
    limit_req_zone $arg_key zone=delay:1m rate=1r/m;
    limit_req_zone $arg_key zone=waits:1m rate=30r/m;
    limit_req_zone $arg_key zone=dry:1m rate=1r/m;
    limit_req_zone $arg_wide zone=wide:1m rate=1r/m;
    limit_req_zone $arg_narrow zone=narrow:1m rate=1r/m;
    limit_req_zone $uri zone=paths:1m rate=1r/m;
    limit_conn_zone $arg_key zone=held:1m;
    limit_conn_zone $arg_key zone=alone:1m;
    limit_conn_zone $arg_wide zone=both:1m;
    limit_req_zone $http_x_key zone=asked:1m rate=1r/m;
    limit_conn_zone $http_x_key zone=kept:1m;
    log_format seen "$request_uri $status $limit_req_status $limit_conn_status";
    access_log logs/seen.log seen;
    server {
        listen LISTEN;
        location /one/ { limit_req zone=one; proxy_pass http://ORIGIN; }
        location /burst/ { limit_req zone=burst burst=3 nodelay; proxy_pass http://ORIGIN; }
        location /delay/ { limit_req zone=delay burst=4 delay=4; limit_req_status 429; proxy_pass http://ORIGIN; }
        location /waits/ { limit_req zone=waits burst=2; limit_req_log_level notice; proxy_pass http://ORIGIN; }
        location /dry/ { limit_req zone=dry burst=1; limit_req_dry_run on; proxy_pass http://ORIGIN; }
        location /both/ {
            limit_req zone=wide burst=4 nodelay;
            limit_req zone=narrow;
            error_page 503 =420 /refused;
            proxy_pass http://ORIGIN;
        }
        location = /refused { return 200 "later\n"; }
        location /return/ { limit_req zone=one; return 204; }
        location /denied/ { limit_req zone=one; deny all; }
        location /inner/ {
            limit_req zone=paths;
            location /inner/none/ { limit_req_status 444; proxy_pass http://ORIGIN; }
            proxy_pass http://ORIGIN;
        }
        location /goes/ { limit_req zone=paths burst=5 nodelay; error_page 404 = /inner/page; proxy_pass http://ORIGIN; }
        location /held/ {
            limit_conn held 2; limit_conn both 3; limit_conn_log_level warn;
            proxy_pass http://ORIGIN;
        }
        location /alone/ {
            limit_req zone=one; limit_conn alone 1; limit_conn_status 429;
            proxy_pass http://ORIGIN;
        }
        location /asked/ { auth_request /asking; proxy_intercept_errors on; error_page 404 = /asked-page; proxy_pass http://ORIGIN; }
        location = /asking { limit_req zone=asked burst=1 nodelay; proxy_pass http://ORIGIN; proxy_set_header X-Do "status=204"; }
        location = /asked-page { limit_req zone=asked burst=1 nodelay; proxy_pass http://ORIGIN; proxy_set_header X-Do ""; }
        location /keeps/ { auth_request /keeping; proxy_pass http://ORIGIN; }
        location = /keeping { limit_conn kept 1; proxy_pass http://ORIGIN; proxy_set_header X-Do "status=204"; }
        location /held-dry/ { limit_conn alone 1; limit_conn_dry_run on; proxy_pass http://ORIGIN; }
    }
}
"#;

struct Pair {
    nginx: (Nginx, SocketAddr),
    propylon: (Propylon, SocketAddr),
    origin: Origin,
}

impl Pair {
    fn start() -> Self {
        let origin = Origin::start();
        let [theirs, ours] = addresses();
        let fill = |listen: SocketAddr| {
            CONF.replace("ORIGIN", &origin.address().to_string()).replace("LISTEN", &listen.to_string())
        };
        let nginx = Nginx::start(&fill(theirs).replace("logs/", "@DIR@/"));
        let main = "worker_processes 2; error_log @DIR@/error.log info; events {}";
        let propylon = Propylon::start_nginx(&format!("{main}{}", fill(ours)));
        Self { nginx: (nginx, theirs), propylon: (propylon, ours), origin }
    }

    /// Does the same with both, one after the other, and compares what comes of it.
    #[track_caller]
    fn same<T: PartialEq + std::fmt::Debug>(&self, act: impl Fn(SocketAddr) -> T) -> T {
        let (theirs, ours) = (act(self.nginx.1), act(self.propylon.1));
        assert_eq!(ours, theirs, "left is propylon, right is nginx");
        ours
    }

    /// The lines of both access logs, in any order.
    #[track_caller]
    fn same_log(&self, lines: usize) -> Vec<String> {
        let sorted = |mut lines: Vec<String>| {
            lines.sort();
            lines
        };
        let (theirs, ours) =
            (self.nginx.0.lines("seen.log", lines), self.propylon.0.lines("logs/seen.log", lines));
        let (theirs, ours) = (sorted(theirs), sorted(ours));
        assert_eq!(ours, theirs, "left is propylon, right is nginx");
        ours
    }

    /// What both say of limits in their error logs, each thing once, in any order.
    #[track_caller]
    fn same_errors(&self, lines: usize) -> Vec<String> {
        let said = |log: String| {
            let lines = log.lines().filter_map(|line| {
                let at = line.find("limiting ").or(line.find("delaying "))?;
                let end = line[at..]
                    .find("\", client")
                    .or(line[at..].find("\" client"))
                    .map_or(line.len(), |end| at + end);
                Some(whole(line[at..end].split("\", ").next().unwrap().trim_end_matches('"')))
            });
            let mut said: Vec<String> = lines.collect();
            let all = said.len();
            said.sort();
            said.dedup();
            (all, said)
        };
        let all = |least: usize, log: &dyn Fn() -> String| {
            let enough =
                |(all, said): (usize, Vec<String>)| (all >= lines && said.len() >= least).then_some(said);
            until("lines of the error log", LIMIT, || enough(said(log())))
        };
        let theirs = all(0, &|| self.nginx.0.read("error.log"));
        let ours = all(theirs.len(), &|| self.propylon.0.error_log());
        assert_eq!(ours, theirs, "left is propylon, right is nginx");
        ours
    }
}

/// A line with how far a request is ahead in whole numbers: time goes on while a test runs.
fn whole(line: &str) -> String {
    let Some((before, rest)) = line.split_once("excess: ") else { return line.to_owned() };
    let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    let ahead: f64 = rest[..digits].parse().unwrap();
    format!("{before}excess: {ahead:.0}{}", &rest[digits..])
}

fn get(path: &str, more: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n{more}\r\n").into_bytes()
}

/// The statuses of requests for these paths, one after the other.
fn ask(at: SocketAddr, paths: &[&str]) -> Vec<u16> {
    paths.iter().map(|path| raw_request(at, &get(path, "")).map_or(0, |answer| answer.status)).collect()
}

#[test]
fn requests_are_counted_as_by_nginx() {
    let pair = Pair::start();
    let ask = |paths: &[&str]| pair.same(|at| ask(at, paths));
    assert_eq!(
        ask(&["/one/?key=a", "/one/?key=a", "/one/?key=b", "/one/", "/one/"]),
        [200, 503, 200, 200, 200]
    );
    assert_eq!(ask(&["/burst/?key=a"; 6]), [200, 200, 200, 200, 503, 503]);
    assert_eq!(ask(&["/delay/?key=a"; 6]), [200, 200, 200, 200, 200, 429]);
    assert_eq!(ask(&["/dry/?key=a"; 4]), [200; 4]);
    // What the second zone refuses the first has not counted.
    assert_eq!(ask(&["/both/?wide=a&narrow=x"; 4]), [200, 420, 420, 420]);
    let others: Vec<String> = (0..6).map(|n| format!("/both/?wide=a&narrow={n}")).collect();
    let others: Vec<&str> = others.iter().map(String::as_str).collect();
    assert_eq!(ask(&others), [200, 200, 200, 200, 420, 420]);
    assert_eq!(ask(&["/both/?wide=b", "/both/?wide=b", "/both/?narrow=x", "/both/"]), [200, 200, 420, 200]);
    let lines = pair.same_log(35);
    assert!(lines.contains(&"/burst/?key=a 503 REJECTED -".to_owned()), "{lines:?}");
    assert!(lines.contains(&"/dry/?key=a 200 REJECTED_DRY_RUN -".to_owned()), "{lines:?}");
    assert!(lines.contains(&"/one/ 200 - -".to_owned()), "{lines:?}");
    let said = pair.same_errors(13);
    assert!(
        said.iter().any(|line| line.starts_with("limiting requests, dry run, excess: 2 by zone \"dry")),
        "{said:?}"
    );
}

#[test]
fn limits_have_their_place_among_the_phases() {
    let pair = Pair::start();
    let ask = |paths: &[&str]| pair.same(|at| ask(at, paths));
    assert_eq!(ask(&["/return/?key=a", "/return/?key=a", "/one/?key=a"]), [204, 204, 200]);
    assert_eq!(ask(&["/denied/?key=d", "/denied/?key=d"]), [403, 503]);
    // One look a request, also where it goes round.
    let missing =
        |at: SocketAddr, path: &str| raw_request(at, &get(path, "X-Do: status=404\r\n")).unwrap().status;
    let round = pair.same(|at| [missing(at, "/goes/x"), missing(at, "/goes/x"), missing(at, "/goes/y")]);
    assert_eq!(round, [404; 3]);
    assert_eq!(ask(&["/inner/page", "/inner/page", "/inner/none/x", "/inner/none/x"]), [200, 503, 200, 0]);
    pair.same_log(12);
}

#[test]
fn requests_wait_as_with_nginx() {
    let pair = Pair::start();
    let all = pair.same(|at| {
        // Those that are served, in the order of their ends; the third and later ones have no place.
        let mut clients: Vec<Client> = (0..4)
            .map(|_| {
                let mut client = Client::connect(at).unwrap();
                client.send(&get("/waits/?key=a", "")).unwrap();
                client
            })
            .collect();
        let mut statuses: Vec<u16> =
            clients.iter_mut().map(|client| client.response(false).unwrap().status).collect();
        statuses.sort_unstable();
        statuses
    });
    assert_eq!(all, [200, 200, 200, 503]);
    let lines = pair.same_log(4);
    assert_eq!(lines.iter().filter(|line| line.ends_with("200 DELAYED -")).count(), 2, "{lines:?}");
    // Delays are told of one level lower than refusals: of "notice" that is "info".
    until("two delays in the log", LIMIT, || {
        let log = pair.propylon.0.error_log();
        let delays = log.lines().filter(|line| line.contains("[info]") && line.contains("delaying request"));
        (delays.count() == 2).then_some(())
    });
}

#[test]
fn connections_are_counted_as_by_nginx() {
    let pair = Pair::start();
    let seen = pair.same(|at| {
        let hold = |path: &str| {
            let mut client = Client::connect(at).unwrap();
            let before = pair.origin.heads();
            client.send(&get(path, "X-Do: never\r\n")).unwrap();
            until("the request at the origin", LIMIT, || (pair.origin.heads() > before).then_some(()));
            client
        };
        let (first, second) = (hold("/held/?key=a&wide=w"), hold("/held/?key=a&wide=w"));
        let third = ask(at, &["/held/?key=a&wide=w", "/held/?key=b&wide=w", "/held/?key=a", "/held/"]);
        let other = hold("/held/?key=b&wide=w");
        let fourth = ask(at, &["/held/?key=c&wide=w", "/held/?key=c&wide=v"]);
        drop(other);
        first.leave();
        until("a place", LIMIT, || (ask(at, &["/held/?key=a&wide=w"]) == [200]).then_some(()));
        drop(second);
        let alone = hold("/alone/?key=a");
        // Whose request is too early has no place, and whoever has no place has used up its turn.
        let fifth = ask(at, &["/alone/?key=a", "/held-dry/?key=a", "/alone/?key="]);
        drop(alone);
        (third, fourth, fifth)
    });
    assert_eq!(seen.0, [503, 200, 503, 200]);
    assert_eq!(seen.1, [503, 200]);
    assert_eq!(seen.2, [503, 200, 200]);
    let said = pair.same_errors(5);
    assert!(
        said.iter().any(|line| line.contains("limiting connections, dry run, by zone \"alone")),
        "{said:?}"
    );
}

/// What is asked beside a request is that request: it is looked at once, and holds its places as long.
#[test]
fn questions_count_as_their_requests() {
    let pair = Pair::start();
    let statuses = pair.same(|at| {
        let ask = |path: &str, more: &str| raw_request(at, &get(path, more)).unwrap().status;
        let asked = [(); 3].map(|()| ask("/asked/x", "X-Key: a\r\nX-Do: status=404\r\n"));
        let mut client = Client::connect(at).unwrap();
        let before = pair.origin.heads();
        client.send(&get("/keeps/x", "X-Key: a\r\nX-Do: never\r\n")).unwrap();
        until("both at the origin", LIMIT, || (pair.origin.heads() == before + 2).then_some(()));
        let kept = ["a", "b"].map(|key| ask("/keeps/x", &format!("X-Key: {key}\r\n")));
        client.leave();
        until("a place", LIMIT, || (ask("/keeps/x", "X-Key: a\r\n") == 200).then_some(()));
        (asked, kept)
    });
    assert_eq!(statuses, ([200, 200, 500], [500, 200]));
}
