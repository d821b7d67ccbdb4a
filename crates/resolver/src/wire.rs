//! DNS messages: what is asked, and what an answer says. No I/O.

use hickory_proto::op::{Message, MessageType, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use hickory_proto::serialize::binary::BinDecodable;

/// How many aliases are followed: in one answer, and from answer to answer.
pub(crate) const MAX_ALIASES: usize = 16;

/// A question with the number of its own that makes it hard to answer for a server that it did not go to.
pub(crate) struct Asked {
    message: Message,
    /// What is sent.
    pub(crate) bytes: Vec<u8>,
}

/// What a message that came back is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reply<T> {
    /// Not the answer to this question.
    Other,
    /// It is longer than a datagram may be.
    Truncated,
    /// The server is not able to answer, or what it says makes no sense.
    Failed(String),
    /// The answer.
    Answer(Answer<T>),
}

/// What a server says. Without records there are none.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer<T> {
    pub(crate) records: Vec<T>,
    /// The name that the one asked for stands for, if the answer does not go on to tell what that has.
    pub(crate) alias: Option<Name>,
    /// For how many seconds all of this holds.
    pub(crate) ttl: Option<u32>,
}

impl Asked {
    /// A question for records of a name; recursion is desired.
    pub(crate) fn new(name: &Name, kind: RecordType) -> Result<Self, String> {
        let mut message = Message::query();
        message.metadata.recursion_desired = true;
        message.add_query(Query::query(name.clone(), kind));
        let bytes = message.to_vec().map_err(|error| error.to_string())?;
        Ok(Self { message, bytes })
    }

    /// Reads what came back; `read` takes the records that are wanted.
    pub(crate) fn read<T>(&self, bytes: &[u8], read: impl Fn(&RData) -> Option<T>) -> Reply<T> {
        // A message that cannot be read, but has the number, says no more when it comes again.
        let number = bytes.first_chunk::<2>().map(|id| u16::from_be_bytes(*id));
        let message = match Message::from_bytes(bytes) {
            Ok(message) => message,
            Err(error) if number == Some(self.message.metadata.id) => {
                return Reply::Failed(error.to_string());
            }
            Err(_) => return Reply::Other,
        };
        let (asked, said) = (&self.message, &message.metadata);
        if said.id != asked.metadata.id
            || said.message_type != MessageType::Response
            || message.queries != asked.queries
        {
            return Reply::Other;
        }
        match said.response_code {
            ResponseCode::NoError | ResponseCode::NXDomain => {}
            code => return Reply::Failed(code.to_string()),
        }
        if said.truncation {
            return Reply::Truncated;
        }
        let Some(query) = asked.queries.first() else { return Reply::Other };
        Reply::Answer(answer(&message, query, read))
    }
}

/// Follows the aliases in an answer, whatever order they are in, to the records at their end.
fn answer<T>(message: &Message, query: &Query, read: impl Fn(&RData) -> Option<T>) -> Answer<T> {
    let (mut name, mut ttl) = (query.name(), None);
    let mut lasts = |seconds: u32| ttl = Some(ttl.map_or(seconds, |ttl: u32| ttl.min(seconds)));
    for _ in 0..MAX_ALIASES {
        let alias = message.answers.iter().find_map(|record| match &record.data {
            RData::CNAME(to) if record.name == *name => Some((record.ttl, &to.0)),
            _ => None,
        });
        let Some((seconds, to)) = alias else { break };
        lasts(seconds);
        name = to;
    }
    let here = message.answers.iter().filter(|record| record.name == *name);
    let records: Vec<T> =
        here.filter_map(|record| read(&record.data).inspect(|_| lasts(record.ttl))).collect();
    let ends = records.is_empty() && message.metadata.response_code == ResponseCode::NoError;
    let alias = (ends && name != query.name()).then(|| name.clone());
    Answer { records, alias, ttl }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use hickory_proto::rr::Record;
    use hickory_proto::rr::rdata::{A, CNAME};

    use super::*;

    fn name(text: &str) -> Name {
        Name::from_utf8(text).unwrap()
    }

    fn asked() -> Asked {
        Asked::new(&name("a.test."), RecordType::A).unwrap()
    }

    fn a(owner: &str, ttl: u32, last: u8) -> Record {
        Record::from_rdata(name(owner), ttl, RData::A(A(Ipv4Addr::new(10, 0, 0, last))))
    }

    fn alias(owner: &str, ttl: u32, to: &str) -> Record {
        Record::from_rdata(name(owner), ttl, RData::CNAME(CNAME(name(to))))
    }

    /// The answer to `asked` with these records, changed by `change`.
    fn reply(records: Vec<Record>, change: impl Fn(&mut Message)) -> Reply<u8> {
        let asked = asked();
        let mut message = asked.message.clone().into_response();
        message.add_answers(records);
        change(&mut message);
        asked.read(&message.to_vec().unwrap(), |data| match data {
            RData::A(a) => Some(a.0.octets()[3]),
            _ => None,
        })
    }

    fn same(_: &mut Message) {}

    fn found(records: Vec<u8>, alias: Option<&str>, ttl: Option<u32>) -> Reply<u8> {
        Reply::Answer(Answer { records, alias: alias.map(name), ttl })
    }

    #[test]
    fn records_of_the_name_and_no_others() {
        assert_eq!(
            reply(vec![a("a.test.", 60, 1), a("b.test.", 1, 9), a("A.TEST.", 30, 2)], same),
            found(vec![1, 2], None, Some(30))
        );
        assert_eq!(reply(vec![], same), found(vec![], None, None));
    }

    #[test]
    fn aliases_are_followed_in_any_order() {
        let records =
            || vec![a("c.test.", 60, 1), alias("b.test.", 5, "c.test."), alias("a.test.", 60, "b.test.")];
        assert_eq!(reply(records(), same), found(vec![1], None, Some(5)));
        let records = vec![alias("a.test.", 7, "b.test.")];
        assert_eq!(reply(records.clone(), same), found(vec![], Some("b.test."), Some(7)));
        // There is no such name at the end of it: no reason to ask on.
        let gone = |message: &mut Message| message.metadata.response_code = ResponseCode::NXDomain;
        assert_eq!(reply(records, gone), found(vec![], None, Some(7)));
    }

    #[test]
    fn aliases_in_a_circle_end() {
        let circle = vec![alias("a.test.", 7, "b.test."), alias("b.test.", 7, "a.test.")];
        assert_eq!(reply(circle, same), found(vec![], None, Some(7)));
    }

    #[test]
    fn what_is_no_answer_to_the_question() {
        assert_eq!(reply(vec![], |message| message.metadata.id ^= 1), Reply::Other);
        assert_eq!(reply(vec![], |message| message.metadata.message_type = MessageType::Query), Reply::Other);
        let other =
            |message: &mut Message| message.queries = vec![Query::query(name("b.test."), RecordType::A)];
        assert_eq!(reply(vec![], other), Reply::Other);
        let other =
            |message: &mut Message| message.queries = vec![Query::query(name("a.test."), RecordType::AAAA)];
        assert_eq!(reply(vec![], other), Reply::Other);
        let none = |_: &RData| None::<u8>;
        assert_eq!(asked().read(b"", none), Reply::Other);
        assert_eq!(asked().read(b"\0", none), Reply::Other);
    }

    #[test]
    fn servers_that_fail() {
        let fails = |message: &mut Message| message.metadata.response_code = ResponseCode::ServFail;
        assert!(matches!(reply(vec![a("a.test.", 60, 1)], fails), Reply::Failed(_)));
        assert_eq!(
            reply(vec![a("a.test.", 60, 1)], |message| message.metadata.truncation = true),
            Reply::Truncated
        );
        let asked = asked();
        let cut = &asked.bytes[..14];
        assert!(matches!(asked.read(cut, |_| None::<u8>), Reply::Failed(_)));
    }
}
