//! Upstreams and what their names stand for.

use super::*;

fn definition(servers: &[&str]) -> Definition {
    let servers: Vec<_> = servers.iter().map(|address| format!("{{ address = \"{address}\" }}")).collect();
    let text = format!("[upstream.up]\nserver = [{}]\n[[server]]\nreturn = [204]\n", servers.join(", "));
    let config = propylon_config::parse(&text, "test.toml").unwrap().config;
    Definition::named(&config.upstreams["up"], &config)
}

fn names(group: &Group<Peer>) -> Vec<String> {
    group.peers().iter().map(|peer| peer.server().name().to_string()).collect()
}

#[tokio::test]
async fn a_name_that_does_not_resolve_leaves_the_others() {
    let all = Names::default();
    let group = all.group(&definition(&["127.0.0.1:81", "no-such-host.invalid:80"]));
    assert_eq!(all.resolve().await, ["no-such-host.invalid:80"]);
    assert_eq!(names(&group), ["127.0.0.1:81"]);
}

#[tokio::test]
async fn mandatory_peers_are_unhealthy_from_the_start_those_that_names_find_too() {
    let text = "[upstream.up]\nserver = [{ address = \"127.0.0.1:81\" }, { address = \"localhost:80\" }]\n\
                health_check = { mandatory = true }\n[[server]]\nreturn = [204]\n";
    let config = propylon_config::parse(text, "test.toml").unwrap().config;
    let all = Names::default();
    let group = all.group(&Definition::named(&config.upstreams["up"], &config));
    let unhealthy = || group.peers().iter().all(|peer| !peer.is_available());
    assert!(names(&group) == ["127.0.0.1:81"] && unhealthy());
    assert!(all.resolve().await.is_empty());
    assert!(names(&group).len() > 1 && unhealthy());
}

#[tokio::test]
async fn the_same_upstream_keeps_its_peers_and_another_one_what_is_known() {
    let all = Names::default();
    let first = all.group(&definition(&["localhost:80"]));
    assert!(names(&first).is_empty());
    assert!(all.resolve().await.is_empty());
    let again = all.group(&definition(&["localhost:80"]));
    assert!(!names(&again).is_empty(), "resolved once, for all who ask");
    let other = all.group(&definition(&["127.0.0.1:81", "127.0.0.1:82"]));
    assert_eq!(names(&other), ["127.0.0.1:81", "127.0.0.1:82"]);
    all.forget(|known| *known == definition(&["127.0.0.1:81", "127.0.0.1:82"]));
    assert_eq!(all.entries.lock().len(), 1);
}
