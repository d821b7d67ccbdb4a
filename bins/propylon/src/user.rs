//! `runtime.user`: workers without root's rights.
//!
//! Linux keeps these rights for each thread: workers give theirs up, and the control thread keeps those that it needs to
//! open sockets, logs and keys when it reloads, as nginx's master does.

use std::path::Path;

use anyhow::Context;
use propylon_config::Runtime;
use rustix::process::{Gid, Uid, geteuid};
use rustix::thread::{set_thread_gid, set_thread_groups, set_thread_uid};

/// Who workers are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) user: u32,
    pub(crate) group: u32,
    groups: Vec<u32>,
}

/// Who workers are to be; `None`: whoever started the process.
///
/// # Errors
/// When the system knows no such user or group.
pub(crate) fn identity(runtime: &Runtime) -> anyhow::Result<Option<Identity>> {
    let Some(user) = &runtime.user else { return Ok(None) };
    if !geteuid().is_root() {
        // nginx's words.
        tracing::warn!(
            "the \"user\" directive makes sense only if the master process runs with super-user privileges, ignored"
        );
        return Ok(None);
    }
    let read =
        |path: &str| std::fs::read_to_string(Path::new(path)).with_context(|| format!("cannot read {path}"));
    let group = runtime.group.as_ref().map(|group| &***group);
    find(&read("/etc/passwd")?, &read("/etc/group")?, user, group).map(Some)
}

fn find(passwd: &str, group_file: &str, user: &str, group: Option<&str>) -> anyhow::Result<Identity> {
    let line = |text: &str, name: &str| {
        text.lines()
            .map(|line| line.split(':').map(str::to_owned).collect::<Vec<_>>())
            .find(|line| line.first().is_some_and(|first| first == name))
    };
    let number = |line: &[String], at: usize| line.get(at).and_then(|text| text.parse::<u32>().ok());
    let found = line(passwd, user).with_context(|| format!("getpwnam(\"{user}\") failed"))?;
    let id = number(&found, 2).with_context(|| format!("invalid user id of user {user} in /etc/passwd"))?;
    let own = number(&found, 3).with_context(|| format!("invalid group id of user {user} in /etc/passwd"))?;
    let gid = match group {
        Some(name) => {
            let found = line(group_file, name).with_context(|| format!("getgrnam(\"{name}\") failed"))?;
            number(&found, 2).with_context(|| format!("invalid group id of group {name} in /etc/group"))?
        }
        None => line(group_file, user).and_then(|found| number(&found, 2)).unwrap_or(own),
    };
    let mut groups = vec![gid];
    for line in group_file.lines() {
        let mut parts = line.split(':').skip(2);
        let (Some(number), Some(members)) = (parts.next().and_then(|text| text.parse().ok()), parts.next())
        else {
            continue;
        };
        if members.split(',').any(|member| member == user) && !groups.contains(&number) {
            groups.push(number);
        }
    }
    Ok(Identity { user: id, group: gid, groups })
}

impl Identity {
    /// Makes the calling thread this user's.
    ///
    /// # Errors
    /// When the system refuses.
    pub(crate) fn assume(&self) -> std::io::Result<()> {
        let groups: Vec<Gid> = self.groups.iter().map(|group| Gid::from_raw(*group)).collect();
        set_thread_groups(&groups)?;
        set_thread_gid(Gid::from_raw(self.group))?;
        set_thread_uid(Uid::from_raw(self.user))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nweb:x:33:34:web:/:/sbin/nologin\n";
    const GROUP: &str = "root:x:0:\nweb:x:35:\nlogs:x:40:someone,web\n";

    #[test]
    fn users_and_groups() {
        let check = |user, group, expected: Option<(u32, u32, &[u32])>| {
            let found = find(PASSWD, GROUP, user, group).ok();
            let expected =
                expected.map(|(user, group, groups)| Identity { user, group, groups: groups.to_vec() });
            assert_eq!(found, expected, "{user} {group:?}");
        };
        check("web", None, Some((33, 35, &[35, 40])));
        check("web", Some("root"), Some((33, 0, &[0, 40])));
        check("root", None, Some((0, 0, &[0])));
        check("nobody", None, None);
        check("web", Some("none"), None);
    }
}
