//! Where values are written.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::Duration;

use propylon_exchange::Address;

/// Appends the escaped form of a piece of a value; must treat each byte by itself.
pub(crate) type Escape = fn(&[u8], &mut Vec<u8>);

/// Where values are written: a buffer, and how they are to be escaped.
pub(crate) struct Out<'a> {
    buffer: &'a mut Vec<u8>,
    escape: Option<Escape>,
}

impl<'a> Out<'a> {
    pub(crate) fn plain(buffer: &'a mut Vec<u8>) -> Self {
        Self { buffer, escape: None }
    }

    pub(crate) fn escaping(buffer: &'a mut Vec<u8>, escape: Escape) -> Self {
        Self { buffer, escape: Some(escape) }
    }

    /// Text that no escape is for: literal text, digits.
    pub(crate) fn raw(&mut self, text: &[u8]) {
        self.buffer.extend_from_slice(text);
    }

    /// A value, or a piece of one.
    pub(crate) fn text(&mut self, text: &[u8]) {
        match self.escape {
            None => self.buffer.extend_from_slice(text),
            Some(escape) => escape(text, self.buffer),
        }
    }

    /// A value that may be absent; says whether it was there.
    pub(crate) fn option(&mut self, text: Option<&[u8]>) -> bool {
        text.map(|text| self.text(text)).is_some()
    }

    pub(crate) fn number(&mut self, number: u64) {
        self.raw(itoa::Buffer::new().format(number).as_bytes());
    }

    /// Seconds with three decimals.
    pub(crate) fn seconds(&mut self, time: Duration) {
        let seconds = time.as_secs();
        if seconds >= 10 {
            self.number(seconds / 10);
        }
        let (second, millis) = (seconds % 10, u64::from(time.subsec_millis()));
        self.raw(&[digit(second), b'.', digit(millis / 100), digit(millis / 10), digit(millis)]);
    }

    /// An address, in which nothing is to be escaped.
    pub(crate) fn address(&mut self, address: Address) {
        let _ = write!(Raw(self.buffer), "{address}");
    }

    /// An IP address as it came, in which nothing is to be escaped.
    pub(crate) fn ip(&mut self, ip: IpAddr) {
        let _ = write!(Raw(self.buffer), "{ip}");
    }

    /// A port; nothing where there is none, as in nginx.
    pub(crate) fn port(&mut self, port: Option<u16>) {
        if let Some(port) = port.filter(|port| *port > 0) {
            self.number(port.into());
        }
    }
}

/// The last decimal digit.
fn digit(number: u64) -> u8 {
    b'0' + (number % 10) as u8
}

/// A buffer that is written to as it is.
struct Raw<'a>(&'a mut Vec<u8>);

impl std::fmt::Write for Raw<'_> {
    fn write_str(&mut self, s: &str) -> std::fmt::Result {
        self.0.extend_from_slice(s.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Out<'_>)) -> String {
        let mut buffer = Vec::new();
        write(&mut Out::plain(&mut buffer));
        String::from_utf8(buffer).unwrap()
    }

    #[test]
    fn seconds_have_three_decimals() {
        fn check(millis: u64, expected: &str) {
            assert_eq!(written(|out| out.seconds(Duration::from_millis(millis))), expected);
        }
        check(0, "0.000");
        check(7, "0.007");
        check(42, "0.042");
        check(999, "0.999");
        check(9_999, "9.999");
        check(10_000, "10.000");
        check(60_100, "60.100");
        check(1_700_000_000_123, "1700000000.123");
    }

    #[test]
    fn addresses_print_as_the_exchange_prints_them() {
        for address in [
            Address::unix(),
            Address::ip([127, 0, 0, 1].into(), Some(80)),
            Address::ip([255, 10, 100, 0].into(), None),
            Address::ip("::1".parse().unwrap(), None),
            Address::ip("2001:db8:1111:2222:3333:4444:5555:6666".parse().unwrap(), None),
        ] {
            assert_eq!(written(|out| out.address(address)), address.to_string());
        }
    }

    #[test]
    fn a_port_that_is_not_known_is_empty() {
        assert_eq!(written(|out| out.port(None)), "");
        assert_eq!(written(|out| out.port(Some(0))), "");
        assert_eq!(written(|out| out.port(Some(8080))), "8080");
    }
}
