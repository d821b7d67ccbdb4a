//! A client of any TLS server: `cargo run -p propylon-tls --example standalone -- example.com:443`, or with the certificates to
//! trust: `… -- localhost:8443 root.pem`.
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use propylon_tls::Connector;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let to = arguments.next().ok_or("usage: standalone HOST:PORT [TRUSTED.pem]")?;
    let (host, _) = to.rsplit_once(':').ok_or("a port is missing")?;

    let mut builder = Connector::builder()
        .verify(true)
        .server_name(true)
        .protocols(["TLSv1.2", "TLSv1.3"])
        .ciphers("HIGH:!aNULL")
        .alpn(["http/1.1"]);
    if let Some(trusted) = arguments.next() {
        builder = builder.trusted_certificate(trusted).verify_depth(2);
    }
    let connector = builder.build()?;
    for _ in 0..2 {
        // The second connection resumes the session of the first, if the server lets it.
        let mut stream = match connector.connect(TcpStream::connect(&to).await?, host).await {
            Ok(stream) => stream,
            Err(error) => {
                println!("{error}");
                return Ok(());
            }
        };
        let state = stream.get_ref().1;
        println!(
            "{:?}, {:?}, {:?}",
            state.protocol_version(),
            state.negotiated_cipher_suite(),
            state.handshake_kind()
        );
        let request = format!("HEAD / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        stream.flush().await?;
        let mut head = [0; 4096];
        let count = stream.read(&mut head).await?;
        let head = String::from_utf8_lossy(head.get(..count).unwrap_or_default());
        println!("{}", head.lines().next().unwrap_or_default());
    }
    Ok(())
}
