//! Opening files, with an eye on symbolic links.

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{self, CWD, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;

use crate::Failure;
use crate::failure::Kind;

/// What symbolic links in the path of a file mean (nginx: `disable_symlinks`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Symlinks {
    rule: Rule,
    from: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Rule {
    #[default]
    Follow,
    Refuse,
    SameOwner,
}

impl Symlinks {
    /// They are followed.
    #[must_use]
    pub const fn follow() -> Self {
        Self { rule: Rule::Follow, from: None }
    }

    /// None is followed: 403.
    #[must_use]
    pub const fn refuse() -> Self {
        Self { rule: Rule::Refuse, from: None }
    }

    /// One is followed only if what it leads to belongs to its own owner; else 403.
    #[must_use]
    pub const fn same_owner() -> Self {
        Self { rule: Rule::SameOwner, from: None }
    }

    /// Paths that begin with this directory are looked at from there on.
    #[must_use]
    pub fn from(mut self, directory: impl Into<PathBuf>) -> Self {
        self.from = Some(directory.into());
        self
    }

    /// Whether they are followed without a look.
    #[must_use]
    pub const fn are_followed(&self) -> bool {
        matches!(self.rule, Rule::Follow)
    }
}

/// Whether a thread may wait for a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    Now,
    Wait,
}

/// Why something was not done.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// It cannot be done without waiting.
    Again,
    Failed(Failure),
}

/// A file that was found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) file: File,
    stat: Stat,
}

impl Found {
    pub(crate) fn kind(&self) -> FileType {
        FileType::from_raw_mode(self.stat.st_mode)
    }

    pub(crate) fn size(&self) -> u64 {
        u64::try_from(self.stat.st_size).unwrap_or_default()
    }

    /// Seconds since the epoch.
    pub(crate) fn modified(&self) -> u64 {
        u64::try_from(self.stat.st_mtime).unwrap_or_default()
    }
}

/// What is wanted of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Read,
    /// Only to know what it is.
    Look,
}

impl Purpose {
    /// A pipe without a writer must not stop us.
    fn flags(self) -> OFlags {
        match self {
            Self::Look => OFlags::CLOEXEC | OFlags::PATH,
            Self::Read => OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::RDONLY,
        }
    }

    fn call(self) -> &'static str {
        if self == Self::Look { "stat()" } else { "open()" }
    }
}

/// Opens a file and looks at what it is.
pub(crate) fn open(
    path: &Path,
    purpose: Purpose,
    symlinks: &Symlinks,
    patience: Patience,
) -> Result<Found, Trouble> {
    let fail = |call, errno| Trouble::Failed(Failure::new(path, Kind::Call(call, errno)));
    if path.as_os_str().as_bytes().contains(&0) {
        return Err(Trouble::Failed(Failure::new(path, Kind::Nul)));
    }
    let call = if symlinks.are_followed() { purpose.call() } else { "openat()" };
    let opened = match (patience, symlinks.rule, &symlinks.from) {
        (Patience::Now, Rule::Follow, _) => cached(path, purpose, ResolveFlags::empty())?,
        (Patience::Now, Rule::Refuse, None) => cached(path, purpose, ResolveFlags::NO_SYMLINKS)?,
        (Patience::Now, ..) => return Err(Trouble::Again),
        (Patience::Wait, Rule::Follow, _) => fs::open(path, purpose.flags(), Mode::empty()),
        (Patience::Wait, ..) => step_by_step(path, purpose, symlinks),
    };
    let fd = opened.map_err(|errno| fail(call, errno))?;
    let stat = fs::fstat(&fd).map_err(|errno| fail("fstat()", errno))?;
    Ok(Found { file: File::from(fd), stat })
}

/// Opens what the kernel has at hand; whatever keeps it from doing so is for a thread that may wait.
fn cached(path: &Path, purpose: Purpose, resolve: ResolveFlags) -> Result<Result<OwnedFd, Errno>, Trouble> {
    let resolve = resolve | ResolveFlags::CACHED;
    match fs::openat2(CWD, path, purpose.flags(), Mode::empty(), resolve) {
        // Old kernels and sandboxes know nothing of it.
        Err(Errno::AGAIN | Errno::NOSYS | Errno::PERM | Errno::INVAL | Errno::TOOBIG | Errno::INTR) => {
            Err(Trouble::Again)
        }
        result => Ok(result),
    }
}

/// Opens each directory of the path from the one before, so that nothing can be exchanged beneath us.
fn step_by_step(path: &Path, purpose: Purpose, symlinks: &Symlinks) -> Result<OwnedFd, Errno> {
    let (start, rest) = match &symlinks.from {
        Some(from) => match path.strip_prefix(from) {
            Ok(rest) => (from.as_path(), rest),
            Err(_) => start(path),
        },
        None => start(path),
    };
    let mut at = fs::open(start, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    let mut steps = rest.as_os_str().as_bytes().split(|&byte| byte == b'/').filter(|step| !step.is_empty());
    let mut next = steps.next();
    while let Some(step) = next {
        next = steps.next();
        let flags = if next.is_some() { OFlags::PATH | OFlags::CLOEXEC } else { purpose.flags() };
        at = one_step(&at, OsStr::from_bytes(step), flags, symlinks.rule)?;
    }
    if rest.as_os_str().is_empty() || path.as_os_str().as_bytes().ends_with(b"/") {
        return fs::openat(&at, ".", purpose.flags(), Mode::empty());
    }
    Ok(at)
}

fn start(path: &Path) -> (&Path, &Path) {
    match path.strip_prefix("/") {
        Ok(rest) => (Path::new("/"), rest),
        Err(_) => (Path::new("."), path),
    }
}

fn one_step(at: &OwnedFd, name: &OsStr, flags: OFlags, rule: Rule) -> Result<OwnedFd, Errno> {
    if rule == Rule::Refuse {
        let fd = fs::openat(at, name, flags | OFlags::NOFOLLOW, Mode::empty())?;
        // With O_PATH it is the link itself that was opened.
        if flags.contains(OFlags::PATH) && is_link(&fs::fstat(&fd)?) {
            return Err(Errno::LOOP);
        }
        return Ok(fd);
    }
    let itself = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let itself = fs::fstat(fs::openat(at, name, itself, Mode::empty())?)?;
    let fd = fs::openat(at, name, flags, Mode::empty())?;
    if is_link(&itself) && fs::fstat(fd.as_fd())?.st_uid != itself.st_uid {
        return Err(Errno::LOOP);
    }
    Ok(fd)
}

fn is_link(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::Symlink
}

/// Whether a path has a `..` that is not in its first `trusted` bytes.
///
/// ```
/// use propylon_files::climbs;
///
/// assert!(climbs(b"/srv/img/../secret", b"/srv/img/".len()));
/// assert!(!climbs(b"/srv/../img/a..b/...", b"/srv/../img/".len()));
/// ```
#[must_use]
pub fn climbs(path: &[u8], trusted: usize) -> bool {
    let mut start = 0;
    path.split(|&byte| byte == b'/').any(|segment| {
        let end = start + segment.len();
        start = end + 1;
        segment == b".." && end > trusted
    })
}
