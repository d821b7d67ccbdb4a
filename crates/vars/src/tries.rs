//! Lists over the tries of a request at upstream peers. Pure.

use std::time::Duration;

use propylon_exchange::TryRecord;

use crate::out::Out;

/// What of each try a list shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    Address,
    Status,
    QueueTime,
    ConnectTime,
    HeaderTime,
    ResponseTime,
    ResponseLength,
    BytesReceived,
    BytesSent,
}

impl Column {
    /// One entry a try, `, ` between two, ` : ` where the request went round inside the gateway; says whether there is a
    /// try at all.
    pub(crate) fn write(self, tries: &[TryRecord<'_>], out: &mut Out<'_>) -> bool {
        let mut before: Option<&TryRecord<'_>> = None;
        for record in tries {
            if let Some(before) = before {
                out.text(if before.reroutes == record.reroutes { b", " } else { b" : " });
            }
            self.entry(record, out);
            before = Some(record);
        }
        before.is_some()
    }

    fn entry(self, record: &TryRecord<'_>, out: &mut Out<'_>) {
        let time = |time: Option<Duration>, out: &mut Out<'_>| match time {
            Some(time) => out.seconds(time),
            None => out.text(b"-"),
        };
        match self {
            Self::Address => out.text(record.peer.as_bytes()),
            Self::Status => match record.status {
                Some(status) => out.number(status.as_u16().into()),
                None => out.text(b"-"),
            },
            Self::QueueTime => time(record.queued, out),
            Self::ConnectTime => time(record.connect(), out),
            Self::HeaderTime => time(record.header(), out),
            Self::ResponseTime => time(record.response(), out),
            Self::ResponseLength => out.number(record.length),
            Self::BytesReceived => out.number(record.bytes_received),
            Self::BytesSent => out.number(record.bytes_sent),
        }
    }
}
