//! A connection from its first byte to its last, in the order of nginx's phases.

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use propylon_access::Client;
use propylon_config::VerifyClient;
use propylon_exchange::{Connection, End, Exchange, Tls};
use propylon_stream::{Ahead, ClientHello, Error as Preread, preread};
use propylon_tls::Greeting;
use propylon_tunnel::{End as Ended, Limits, Tunnel};
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, timeout};

use super::joined::Joined;
use super::line::Line;
use super::passing::Passing;
use super::waiting::Waiting;
use super::{Action, At};
use crate::client::Stream;
use crate::edge::close_tunnel;
use crate::error_log::within;
use crate::proxy_protocol::{self, Unheard};
use crate::tally::Open;
use crate::tls::{Above, NotVerified};
use crate::{handshake, rescue, route};

/// Serves a connection.
pub(crate) async fn serve(stream: Stream, mut connection: Connection, at: Arc<At>, open: Open) {
    let deadline = Instant::now() + at.stream.config.timeout.proxy_protocol;
    let told = match at.proxy_protocol {
        true => {
            let header = proxy_protocol::begin(&stream, &mut connection, deadline);
            within(at.stream.errors.clone(), header).await
        }
        false => Ok(()),
    };
    let mut line = Line::new(at, &connection, open);
    // A queue has a patience of its own, and a session's is `timeout.idle`.
    let stream = stream.direct();
    let served = match told {
        Ok(()) => line.serve(stream, connection).await,
        Err(Unheard::Late) => Err(StatusCode::OK), // as in nginx, whoever has said nothing
        Err(Unheard::Broken) => Err(StatusCode::BAD_REQUEST),
    };
    line.end = End::Complete;
    if let Err(status) = served {
        line.status = status;
    }
}

impl Line {
    async fn serve(&mut self, stream: Stream, connection: Connection) -> Result<(), StatusCode> {
        self.admit().await?;
        // In boxes what is over soon: a connection is as large as the largest of its steps for as long as it lasts.
        let stream = if self.at.tls { Box::pin(self.shake(stream, connection)).await? } else { stream };
        let client = Box::pin(self.preread(stream)).await?;
        let at = self.at.clone();
        match &at.stream.action {
            Action::Return(text) => self.answer(client, text.eval(&self.exchange)).await,
            Action::Pass(passing) => self.pass(client, passing).await?,
        }
        Ok(())
    }

    /// Before anything is read: how many there are, and who it is.
    pub(super) async fn admit(&mut self) -> Result<(), StatusCode> {
        let stream = &self.at.stream;
        if let Some(limits) = &stream.limits
            && limits.run(&self.exchange, &mut self.seen).await.is_some()
        {
            return Err(StatusCode::SERVICE_UNAVAILABLE);
        }
        let client = self.exchange.client().as_ip().map_or(Client::Unix, Client::Ip);
        if stream.rules.verdict(client) == Some(false) {
            route::report_forbidden(&self.exchange);
            return Err(StatusCode::FORBIDDEN);
        }
        Ok(())
    }

    /// Makes TLS of the connection, of which the exchange tells from then on.
    async fn shake(&mut self, stream: Stream, mut connection: Connection) -> Result<Stream, StatusCode> {
        let serving = self.at.stream.serving.clone();
        let shaken = within(self.at.stream.errors.clone(), async {
            let greeting = Greeting::read(stream).await?;
            handshake::accept(greeting, &connection, Above::Unknown, |_| serving).await
        });
        let shaken = timeout(self.at.stream.config.timeout.handshake, shaken);
        match handshake::over(shaken.await) {
            Ok((stream, handshake)) => {
                let tls = connection.tls.insert(handshake::facts(handshake));
                self.open.ledger().shook_hands(tls.resumed);
                let judged = self.judge(tls);
                self.knows(&connection);
                let Err(refusal) = judged else { return Ok(Stream::Tls(Box::new(stream))) };
                rescue::report_tunnel(&self.exchange, &format!("{refusal} while SSL handshaking"));
            }
            Err(why) => {
                self.open.ledger().handshakes_failed.add(1);
                rescue::report_tunnel(&self.exchange, &why.to_string());
            }
        }
        Err(StatusCode::INTERNAL_SERVER_ERROR) // nginx's
    }

    /// Whether the client is one that may be.
    fn judge(&self, tls: &Tls) -> Result<(), NotVerified> {
        let clients = &self.at.stream.clients;
        if clients.verify == VerifyClient::Off { Ok(()) } else { clients.judge(tls) }
    }

    /// Reads what the client asks for, if that is to be known.
    async fn preread(&mut self, stream: Stream) -> Result<Ahead<Stream>, StatusCode> {
        let config = &self.at.stream.config;
        if !config.preread {
            return Ok(Ahead::new(stream, Bytes::new()));
        }
        let limits =
            propylon_stream::Limits::new().buffer(config.preread_buffer_size).timeout(config.timeout.preread);
        match preread(stream, limits).await {
            Ok((client, hello)) => {
                if let Some(hello) = hello {
                    self.hello = client.read_ahead().len();
                    tell(&self.exchange, &hello);
                }
                Ok(client)
            }
            Err(error @ Preread::Full { .. }) => {
                rescue::report_text(&self.exchange, &error.to_string());
                Err(StatusCode::BAD_REQUEST)
            }
            // As in nginx, whoever has said nothing has had no session to speak of.
            Err(error) => {
                rescue::report_tunnel(&self.exchange, &error.to_string());
                Err(StatusCode::OK)
            }
        }
    }

    /// Sends a text, and that was it.
    async fn answer(&mut self, mut client: Ahead<Stream>, text: Bytes) {
        let mut left = &*text;
        let idle = self.at.stream.config.timeout.idle;
        let sent = async {
            while !left.is_empty() {
                let n = timeout(idle, client.write(left)).await??;
                left = left.get(n..).unwrap_or_default();
            }
            timeout(idle, client.shutdown()).await? // TLS has something to say yet
        };
        let sent = sent.await;
        self.sent = (text.len() - left.len()) as u64;
        if let Err(error) = sent {
            rescue::report_tunnel(&self.exchange, &format!("send() failed ({error})"));
        }
    }

    /// Joins the connection with one to a peer.
    async fn pass(&mut self, mut client: Ahead<Stream>, passing: &Passing) -> Result<(), StatusCode> {
        let at = self.at.clone();
        let config = &at.stream.config;
        let waiting = Waiting {
            client: &mut client,
            hello: self.hello,
            buffer: config.buffer_size,
            half_close: config.half_close,
        };
        let connecting = passing.connect(&self.exchange, &config.retry, waiting);
        let upstream = Box::pin(within(at.stream.errors.clone(), connecting)).await?;
        let mut tunnel = Tunnel::new(client, upstream)
            .limits(Limits::new().idle(config.timeout.idle))
            .buffer(config.buffer_size)
            .half_close(config.half_close)
            .upload_rate(self.rate(&config.upload_rate))
            .download_rate(self.rate(&config.download_rate));
        self.counts = tunnel.counts();
        let ended = (&mut tunnel).await;
        self.report(&ended);
        close_tunnel(&ended, tunnel, |client| client.into_parts().0.reset(), Joined::reset);
        Ok(())
    }

    fn report(&self, ended: &Ended) {
        let what = match ended {
            Ended::TimedOut(..) => "connection timed out (110: Connection timed out)".to_owned(),
            Ended::Client(error) => format!("client's connection failed ({error})"),
            Ended::Upstream(error) => format!("upstream's connection failed ({error})"),
            _ => return,
        };
        rescue::report_tunnel(&self.exchange, &format!("{what} while proxying connection"));
    }
}

/// Variables tell it from here on.
fn tell(exchange: &Exchange, hello: &ClientHello) {
    let told = propylon_vars::Hello {
        protocol: hello.protocol,
        server_name: hello.server_name.clone().unwrap_or_default(),
        alpn_protocols: hello.alpn.join(&b","[..]).into(),
    };
    propylon_vars::set_hello(exchange, Arc::new(told));
}
