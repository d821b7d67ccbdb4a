//! Passes TLS on by the name that its clients ask for, and ends none of it:
//! `cargo run -p propylon-stream --example standalone -- 127.0.0.1:8443 git.example.com=10.0.0.1:443 other=10.0.0.2:443`

use std::collections::HashMap;

use propylon_stream::{Ahead, BoxError, ClientHello, Limits, PrereadLayer};
use tokio::net::{TcpListener, TcpStream};
use tower::{Layer, ServiceExt, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let mut arguments = std::env::args().skip(1);
    let listen = arguments.next().unwrap_or_else(|| "127.0.0.1:8443".into());
    let routes: HashMap<Vec<u8>, String> = arguments
        .filter_map(|route| route.split_once('=').map(|(name, to)| (name.into(), to.into())))
        .collect();

    let pass = service_fn(move |(mut client, hello): (Ahead<TcpStream>, Option<ClientHello>)| {
        let name = hello.and_then(|hello| hello.server_name).unwrap_or_default();
        let to = routes.get(&*name).cloned();
        async move {
            let to = to.ok_or("nobody has this name")?;
            let mut upstream = TcpStream::connect(to).await?;
            tokio::io::copy_bidirectional(&mut client, &mut upstream).await?;
            Ok::<(), BoxError>(())
        }
    });
    let service = PrereadLayer::new(Limits::new()).layer(pass);

    let listener = TcpListener::bind(listen).await?;
    loop {
        let (client, _) = listener.accept().await?;
        // Its error is its client's. As it is, and not awaited in an `async move` block: rustc finds such a block not to be `Send` where
        // it holds the conversion to `BoxError` ("implementation of `From` is not general enough").
        tokio::spawn(service.clone().oneshot(client));
    }
}
