//! How a peer is chosen.

/// How a peer is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Method {
    /// In turn, by weight: nginx's smooth weighted round robin.
    #[default]
    RoundRobin,
    /// The one with the fewest requests under way for its weight; of equals in turn (nginx: `least_conn`).
    LeastConn,
    /// By the client's address (nginx: `ip_hash`).
    IpHash,
    /// By a key (nginx: `hash`).
    Hash,
    /// By a key, on a ring: when peers come and go, most keys keep theirs (nginx: `hash … consistent`, ketama).
    Consistent,
    /// By chance and weight (nginx: `random`).
    Random,
    /// The better of two by chance and weight (nginx: `random two`).
    RandomTwo(Better),
    /// The one that would take the least time for what it has to do: its average time, times the requests under way. Times that
    /// differ by less than 20 ms are the same, and so are those above 5 s (nginx: `least_time`).
    LeastTime(Better),
    /// The better of two by chance, by the average time to the response head, times the requests under way: tower's
    /// "peak EWMA".
    PeakEwma,
}

/// Which of two peers is the better one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Better {
    /// That with fewer requests under way.
    #[default]
    LeastConn,
    /// That whose response heads come sooner.
    Header,
    /// That whose responses end sooner.
    LastByte,
    /// As `Header`, and of requests that still wait, the time that they have waited so far counts (nginx: `inflight`).
    HeaderInflight,
    /// As `LastByte`, and of requests under way, the time that they have taken so far counts.
    LastByteInflight,
}

impl Method {
    /// Whether backups have a meaning with it. With the others, nginx refuses them, and so does
    /// [`Balancer::new`](crate::Balancer::new).
    #[must_use]
    pub fn allows_backup(self) -> bool {
        !matches!(
            self,
            Self::IpHash | Self::Hash | Self::Consistent | Self::Random | Self::RandomTwo(_) | Self::PeakEwma
        )
    }

    /// Whether it asks for a key.
    #[must_use]
    pub fn needs_key(self) -> bool {
        matches!(self, Self::IpHash | Self::Hash | Self::Consistent)
    }

    /// Which times are measured for it.
    pub(crate) fn times(self) -> Times {
        match self {
            Self::PeakEwma => Times { header: true, ..Times::default() },
            Self::RandomTwo(better) | Self::LeastTime(better) => Times {
                header: matches!(better, Better::Header | Better::HeaderInflight),
                last_byte: matches!(better, Better::LastByte | Better::LastByteInflight),
                pending: matches!(better, Better::HeaderInflight | Better::LastByteInflight),
            },
            _ => Times::default(),
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Times {
    pub(crate) header: bool,
    pub(crate) last_byte: bool,
    /// Of requests under way.
    pub(crate) pending: bool,
}
