//! A tower service in front of php-fpm: `cargo run -p propylon-fastcgi --example standalone -- /run/php/php-fpm.sock /srv/index.php`.
//!
//! Without arguments it asks an application of its own, which answers two requests on one connection.
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use propylon_fastcgi::{Body, BoxError, Config, Connection, Keeper, Params, Stderr, send};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tower::{Service, ServiceExt, service_fn};

/// Where a connection waits for the next request.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Option<Connection<UnixStream>>>>);

impl Keeper<UnixStream> for Kept {
    fn give_back(self, connection: Connection<UnixStream>) {
        if let Ok(mut kept) = self.0.lock() {
            *kept = Some(connection);
        }
    }
}

type Answer = Response<Body<UnixStream, Empty<Bytes>, Kept>>;
type Answering = Pin<Box<dyn Future<Output = Result<Answer, BoxError>> + Send>>;

/// An application as a tower service.
fn application(socket: String) -> impl Service<Request<Empty<Bytes>>, Response = Answer, Error = BoxError> {
    let (kept, config) = (Kept::default(), Arc::new(Config::new().keep_conn(true)));
    service_fn(move |request| -> Answering {
        let (kept, config, socket) = (kept.clone(), config.clone(), socket.clone());
        Box::pin(async move {
            let idle = kept.0.lock().ok().and_then(|mut kept| kept.take());
            println!("{}", if idle.is_some() { "on the same connection:" } else { "on a new connection:" });
            let connection = match idle {
                Some(connection) => connection,
                None => Connection::new(UnixStream::connect(&socket).await?),
            };
            Ok(send(connection, request, config, kept).await?)
        })
    })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let mut arguments = std::env::args().skip(1);
    let (socket, script) = match (arguments.next(), arguments.next()) {
        (Some(socket), Some(script)) => (socket, script),
        _ => (of_our_own()?, "/index.php".to_owned()),
    };
    let mut application = application(socket);
    for query in ["a=1", "a=2"] {
        let params = Params::builder()
            .push("REQUEST_METHOD", "GET")
            .push("SCRIPT_FILENAME", &script)
            .push("QUERY_STRING", query)
            .build();
        let mut request = Request::new(Empty::new());
        request.extensions_mut().insert(params);
        request.extensions_mut().insert(Stderr::new(|text| println!("stderr: {}", text.escape_ascii())));
        let response = application.ready().await?.call(request).await?;
        println!("{} {:?}", response.status(), response.headers());
        let mut body = response.into_body();
        while let Some(frame) = body.frame().await {
            println!("{:?}", frame?.into_data().unwrap_or_default());
        }
    }
    Ok(())
}

/// An application that tells how long its requests are.
fn of_our_own() -> std::io::Result<String> {
    let path = std::env::temp_dir().join(format!("fastcgi-{}.sock", std::process::id()));
    let listener = UnixListener::bind(&path)?;
    let name = path.to_string_lossy().into_owned();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await?;
        let _ = std::fs::remove_file(path);
        let mut request = [0; 4096];
        loop {
            let count = stream.read(&mut request).await?;
            if count == 0 {
                return std::io::Result::Ok(());
            }
            let output = format!("X-Powered-By: example\r\n\r\n{count} bytes");
            let mut answer = vec![1, 6, 0, 1, 0, u8::try_from(output.len()).unwrap_or(0), 0, 0];
            answer.extend(output.bytes());
            answer.extend([1, 3, 0, 1, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            stream.write_all(&answer).await?;
        }
    });
    Ok(name)
}
