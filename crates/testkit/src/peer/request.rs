//! Where a request ends. No parser: a test's client is trusted to be well-formed.

/// The length of the head with its empty line, once that is there.
pub(super) fn head_length(bytes: &[u8]) -> Option<usize> {
    find(bytes, b"\r\n\r\n").map(|at| at + 4)
}

/// The length of head and body, once enough is there to know it; it may lie beyond the bytes at hand.
pub(super) fn request_length(bytes: &[u8]) -> Option<usize> {
    let head_length = head_length(bytes)?;
    let (head, body) = bytes.split_at(head_length);
    if field(head, "transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
        return chunked_length(body).map(|length| head_length + length);
    }
    let length = field(head, "content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
    Some(head_length + length)
}

fn chunked_length(body: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let line = find(body.get(at..)?, b"\r\n")?;
        let size = std::str::from_utf8(body.get(at..at + line)?).ok()?;
        let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
        at += line + 2;
        if size == 0 {
            break;
        }
        at += size + 2;
    }
    loop {
        let line = find(body.get(at..)?, b"\r\n")?;
        at += line + 2;
        if line == 0 {
            return Some(at);
        }
    }
}

fn field<'a>(head: &'a [u8], name: &str) -> Option<&'a str> {
    let head = std::str::from_utf8(head).ok()?;
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then_some(value.trim())
    })
}

fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes.windows(pattern.len()).position(|window| window == pattern)
}

#[cfg(test)]
mod tests {
    use super::request_length;

    #[test]
    fn a_request_ends_where_its_framing_says() {
        let check = |input: &str, expected: Option<usize>| {
            assert_eq!(request_length(input.as_bytes()), expected, "{input:?}");
        };
        check("", None);
        check("GET / HTTP/1.1\r\n", None);
        check("GET / HTTP/1.1\r\n\r\n", Some(18));
        check("GET / HTTP/1.1\r\n\r\nnext", Some(18));
        check("PUT / HTTP/1.1\r\ncontent-LENGTH: 5\r\n\r\nab", Some(42));
        check("PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", None);
        check("PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", Some(59));
        check(
            "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\nA: b\r\n\r\n+",
            Some(67),
        );
    }
}
