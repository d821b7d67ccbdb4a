//! Accounts and certificates of ACME that are kept: in a state that is broken, old, or shared by several.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use propylon_acme::{Challenges, Event, Keeper, Settings, Wanted};
use propylon_testkit::certificates::{Authority, file};
use propylon_tests::{LIMIT, Propylon, Signal, check, lossy, until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

mod acme_support;
use acme_support::{AGREED, Odd, World, believing, run, shown, wait_for};

#[test]
fn an_account_is_bound_to_one_that_is_known() {
    let world = World::new();
    let key = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";
    let _key = file(world.directory.path(), "eab.key", key);
    let more = ", \"externalAccountMACKeys\": {\"kid-1\": \"zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W\"}";
    let pebble = world.odd_pebble(Odd { more, ..Odd::default() });
    let external = format!(
        "{AGREED}\nkey = \"rsa:2048\"\nexternal_account = {{ id = \"kid-1\", key = \"{}\" }}",
        world.path("eab.key").display()
    );
    let gateway = Propylon::start(&world.config(&external, "\"a.test\""));
    let der = wait_for(&believing(&pebble, world.directory.path()), world.tls, "a.test");
    let rsa_encryption = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 1];
    assert!(der.windows(9).any(|window| window == rsa_encryption), "the key is as it was wanted");
    fs::remove_file(world.path("eab.key")).unwrap();
    let checked = check(&world.config(&external, "\"a.test\""));
    assert_eq!(checked.status.code(), Some(0), "there is an account: {}", lossy(&checked.stderr));
    drop(gateway);
    fs::remove_dir_all(world.path("state")).unwrap();
    let in_its_place = external.replace(world.path("eab.key").to_str().unwrap(), key);
    let broken = external.replace(world.path("eab.key").to_str().unwrap(), &format!("data:{key}!"));
    for (external, problem) in [
        (&external, "cannot read the key file of the external account: No such file"),
        (&in_its_place, "cannot read the key file of the external account: No such file"),
        (&broken, "the key of the external account is not valid base64url"),
    ] {
        let checked = check(&world.config(external, "\"a.test\""));
        let told = lossy(&checked.stderr);
        assert_eq!(checked.status.code(), Some(2), "{told}");
        assert!(told.contains(&format!("[acme] cannot be used: {problem}")), "{told}");
        assert!(!told.contains(key), "a key is no text for logs: {told}");
    }
}

#[test]
fn a_broken_state_is_set_aside_and_made_anew() {
    let world = World::new();
    let pebble = world.pebble();
    let config = world.config(AGREED, "\"a.test\"");
    let connector = believing(&pebble, world.directory.path());
    drop((Propylon::start(&config), wait_for(&connector, world.tls, "a.test")));
    let whole = fs::read_to_string(world.certificate("a.test")).unwrap();
    let other = Authority::root("Other").server(&["a.test"]);
    let wrong_key = format!("{}{}", other.key, whole.split_once("END PRIVATE KEY-----").unwrap().1);
    for (text, problem) in [
        ("", "no certificate found"),
        ("\u{0}\u{1}garbage", "no certificate found"),
        (whole.get(..whole.len() / 3).unwrap(), ""),
        (&wrong_key, "the private key does not belong to the certificate"),
    ] {
        fs::write(world.certificate("a.test"), text).unwrap();
        let gateway = Propylon::start(&config);
        wait_for(&connector, world.tls, "a.test");
        let log = gateway.tells("a.test.pem.unusable and will be created again");
        assert!(log.contains(problem), "{log}");
        assert_eq!(fs::read_to_string(world.path("state/certificates/a.test.pem.unusable")).unwrap(), text);
    }
    assert_eq!(pebble.orders(), 5);
    let account = fs::read_dir(world.path("state/accounts")).unwrap().next().unwrap().unwrap().path();
    fs::write(&account, "nonsense").unwrap();
    fs::remove_file(world.certificate("a.test")).unwrap();
    let gateway = Propylon::start(&config);
    wait_for(&connector, world.tls, "a.test");
    gateway.tells("the URL of the account is missing");
    assert!(fs::read_to_string(&account).unwrap().contains("account: https://"));
}

#[test]
fn a_name_more_is_ordered_while_the_old_certificate_serves() {
    let world = World::new();
    let pebble = world.pebble();
    let gateway = Propylon::start(&world.config(AGREED, "\"a.test\""));
    let connector = believing(&pebble, world.directory.path());
    wait_for(&connector, world.tls, "a.test");
    world.dns.forget("b.test");
    gateway.reload(&world.config(AGREED, "\"a.test\", \"b.test\""));
    gateway.tells("cannot obtain a certificate for a.test, b.test: the CA could not validate b.test");
    shown(&connector, world.tls, "a.test").unwrap();
    gateway.reload(&world.config(AGREED, "\"a.test\", \"www.a.test\""));
    wait_for(&connector, world.tls, "www.a.test");
    // Another authority is asked at once, too; what the first one has issued serves until then.
    let text = fs::read_to_string(world.certificate("a.test")).unwrap();
    fs::write(
        world.certificate("a.test"),
        text.replacen("directory: https://", "directory: https://other-", 1),
    )
    .unwrap();
    let orders = pebble.orders();
    drop(gateway);
    let _gateway = Propylon::start(&world.config(AGREED, "\"a.test\", \"www.a.test\""));
    shown(&connector, world.tls, "a.test").unwrap();
    until("an order", LIMIT, || (pebble.orders() > orders).then_some(()));
}

#[test]
fn an_account_that_is_gone_is_made_anew_with_the_next_order() {
    let world = World::new();
    let config = world.config(AGREED, "\"a.test\"");
    let pebble = world.pebble();
    drop((
        Propylon::start(&config),
        wait_for(&believing(&pebble, world.directory.path()), world.tls, "a.test"),
    ));
    drop(pebble);
    let pebble = world.pebble(); // which has forgotten everything
    fs::remove_file(world.certificate("a.test")).unwrap();
    let gateway = Propylon::start(&config);
    gateway.tells("the CA does not know this account");
    gateway.tells("next attempt at");
    drop(gateway);
    fs::remove_file(world.path("state/certificates/a.test.retry")).unwrap();
    let _gateway = Propylon::start(&config);
    wait_for(&believing(&pebble, world.directory.path()), world.tls, "a.test");
}

/// As two processes do while one hands over to the other, here by the library alone.
#[test]
fn of_those_that_share_a_state_one_orders() {
    let world = World::new();
    let pebble = world.pebble();
    let (asked, told) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let settings = Settings::new(pebble.directory(), world.path("state"))
        .trusted_certificate(world.path("ca.pem"))
        .agree_to_terms();
    let keeper = |challenges: &Challenges| {
        let (asked, told) = (asked.clone(), told.clone());
        Keeper::builder(settings.clone()).challenges(challenges.clone()).observer(move |event| {
            let count = match event {
                Event::Ordering { .. } => &asked,
                Event::Issued { .. } | Event::Adopted { .. } => &told,
                other => panic!("{other}"),
            };
            count.fetch_add(1, Ordering::Relaxed);
        })
    };
    run(async {
        // They answer for each other: here it does not matter who is asked.
        let challenges = Challenges::new();
        let keepers = [keeper(&challenges).build(), keeper(&challenges).build()];
        let listener = tokio::net::TcpListener::bind(world.http).await.unwrap();
        let serve = async {
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                let mut head = vec![0; 2048];
                let read = socket.read(&mut head).await.unwrap();
                let head = lossy(&head[..read]);
                let answer = challenges.http(head.split(' ').nth(1).unwrap_or_default()).unwrap_or_default();
                let head = format!("HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n", answer.len());
                socket.write_all(head.as_bytes()).await.unwrap();
                socket.write_all(&answer).await.unwrap();
            }
        };
        keepers.iter().for_each(|keeper| keeper.keep([Wanted::new(["a.test"]).unwrap()]));
        let both = async {
            while told.load(Ordering::Relaxed) < 2 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::select! {
            () = serve => {}
            () = keepers[0].run() => {}
            () = keepers[1].run() => {}
            () = tokio::time::sleep(LIMIT) => panic!("waited in vain: {:?}", keepers[1].status()),
            () = both => {}
        }
        let [one, other] = keepers.map(|keeper| keeper.certificates().get("a.test").unwrap().cert.clone());
        assert_eq!(one, other);
    });
    assert_eq!((asked.load(Ordering::Relaxed), pebble.orders(), pebble.issued()), (1, 1, 1));
}

#[test]
fn who_comes_after_renews_what_is_due() {
    let world = World::new();
    let pebble = world.odd_pebble(Odd { lifetime: Some(6), ..Odd::default() });
    let mut gateway = Propylon::start(&world.config(AGREED, "\"a.test\""));
    wait_for(&believing(&pebble, world.directory.path()), world.tls, "a.test");
    gateway.signal(Signal::QUIT);
    gateway.ended(LIMIT);
    let second = Propylon::start(&world.config(AGREED, "\"a.test\""));
    until("a renewal by who came after", LIMIT, || {
        second.error_log().contains("a new certificate").then_some(())
    });
}
