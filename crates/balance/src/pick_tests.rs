use super::*;
use crate::server::Server;

fn group(servers: &[(&str, u32)]) -> Group<()> {
    let group = Group::new("g");
    group.set(servers.iter().map(|&(name, weight)| Server::new(name, ()).weight(weight)));
    group
}

struct Pick {
    picker: Picker<()>,
    group: Group<()>,
}

impl Pick {
    fn new(method: Method, group: Group<()>) -> Self {
        Self { picker: Picker::new(method, fastrand::Rng::with_seed(7)), group }
    }

    fn pick(&mut self, key: Key<'_>) -> Result<Arc<Peer<()>>, Nobody> {
        self.picker.follow(&self.group);
        self.picker.pick(b"", key, &[])
    }

    /// The name of the peer for `key`, which is free again at once.
    fn name(&mut self, key: Key<'_>) -> String {
        let peer = self.pick(key).unwrap();
        peer.state.end();
        peer.server.name.to_string()
    }

    /// All peers in the order in which they are tried.
    fn order(&mut self, key: Key<'_>) -> String {
        let (mut tried, mut names) = (Vec::new(), Vec::new());
        self.picker.follow(&self.group);
        while let Ok(peer) = self.picker.pick(b"", key, &tried) {
            peer.state.end();
            tried.push(peer.id);
            names.push(peer.server.name.to_string());
        }
        names.join(" ")
    }
}

fn address(text: &str) -> Key<'static> {
    Key::Address(text.parse().unwrap())
}

#[tokio::test]
async fn least_conn_and_of_equals_in_turn() {
    let mut pick = Pick::new(Method::LeastConn, group(&[("a", 1), ("b", 1), ("c", 2)]));
    let held: Vec<_> = (0..8).map(|_| pick.pick(Key::None).unwrap()).collect();
    let names: String = held.iter().map(|peer| peer.server.name.to_string()).collect();
    assert_eq!(names, "cabcbacc");
    held[1].state.end();
    assert_eq!(pick.name(Key::None), "a");
}

#[tokio::test]
async fn each_peer_once_and_backups_last() {
    let group = Group::new("g");
    group.set([
        Server::new("a", ()),
        Server::new("x", ()).backup(true),
        Server::new("b", ()),
        Server::new("d", ()).down(true),
        Server::new("y", ()).backup(true),
        Server::new("e", ()).drain(true),
    ]);
    assert_eq!(group.peers().tries(), 4);
    assert_eq!(Pick::new(Method::RoundRobin, group.clone()).order(Key::None), "a b x y");
    assert_eq!(Pick::new(Method::LeastConn, group).order(Key::None), "a b x y");
}

#[tokio::test]
async fn the_only_peer_is_never_unavailable() {
    let group = group(&[("a", 1)]);
    let peer = Arc::clone(&group.peers().primary[0]);
    peer.state.failed(peer.limits(), peer.clock);
    assert!(!peer.is_available());
    assert_eq!(Pick::new(Method::RoundRobin, group).name(Key::None), "a");
}

#[tokio::test]
async fn max_conns() {
    let group = Group::new("g");
    group.set([Server::new("a", ()).max_conns(1), Server::new("b", ()).max_conns(2)]);
    let mut pick = Pick::new(Method::RoundRobin, group);
    let names: String = (0..3).map(|_| pick.pick(Key::None).unwrap().server.name.to_string()).collect();
    assert_eq!(names, "abb");
    assert_eq!(pick.pick(Key::None).unwrap_err(), Nobody::Full);
    let all: Vec<u32> = pick.group.peers().iter().map(|peer| peer.id).collect();
    assert_eq!(pick.picker.pick(b"", Key::None, &all).unwrap_err(), Nobody::Lives);
}

#[tokio::test]
async fn a_change_keeps_what_is_known() {
    let group = group(&[("a", 1), ("b", 1)]);
    let mut pick = Pick::new(Method::RoundRobin, group.clone());
    let held = pick.pick(Key::None).unwrap();
    group.set([Server::new("b", ()), Server::new("a", ()).max_conns(1), Server::new("c", ())]);
    assert_eq!(held.state.conns(), group.peers().primary[1].state.conns());
    assert_eq!(pick.name(Key::None), "b", "a was chosen before");
    assert_eq!(pick.order(Key::None), "c b", "a is full");
}

#[tokio::test]
async fn hashes_give_up_after_some_tries_and_take_turns() {
    for method in [
        Method::Hash,
        Method::Consistent,
        Method::IpHash,
        Method::Random,
        Method::RandomTwo(Better::LeastConn),
    ] {
        let mut pick = Pick::new(method, group(&[("a", 1), ("b", 1), ("c", 1)]));
        let key = if method == Method::IpHash { address("10.0.0.1") } else { Key::Bytes(b"key") };
        assert_eq!(pick.order(key).len(), 5, "{method:?} finds all");
        let mut empty = Pick::new(method, group(&[]));
        assert_eq!(empty.pick(key).unwrap_err(), Nobody::Lives);
    }
    assert_eq!(Pick::new(Method::Hash, group(&[("a", 1), ("b", 1)])).order(Key::Bytes(b"")), "a b");
}

#[tokio::test]
async fn chance_follows_weights() {
    let mut pick = Pick::new(Method::Random, group(&[("a", 1), ("b", 3)]));
    let b = (0..4000).filter(|_| pick.name(Key::None) == "b").count();
    assert!((2900..3100).contains(&b), "{b}");
}

#[tokio::test]
async fn of_two_the_one_with_less_to_do() {
    let mut pick = Pick::new(Method::RandomTwo(Better::LeastConn), group(&[("a", 1), ("b", 1)]));
    for _ in 0..100 {
        pick.pick(Key::None).unwrap();
    }
    let peers = pick.group.peers();
    assert!(peers.primary.iter().all(|peer| (49..=51).contains(&peer.state.conns())));
}

#[tokio::test]
async fn the_quicker_one() {
    let mut pick = Pick::new(Method::LeastTime(Better::Header), group(&[("a", 1), ("b", 1)]));
    let peers = pick.group.peers();
    peers.primary[0].state.record_header_time(std::time::Duration::from_millis(30));
    peers.primary[1].state.record_header_time(std::time::Duration::from_millis(10));
    assert_eq!(pick.name(Key::None), "b");
    let mut ewma = Pick::new(Method::PeakEwma, pick.group.clone());
    let names: Vec<_> = (0..4).map(|_| ewma.pick(Key::None).unwrap().server.name.to_string()).collect();
    assert_eq!(names.concat(), "bbab", "until it has three times as much to do");
}
