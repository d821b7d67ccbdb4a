//! An OpenID provider over TLS, which checks what a relying party has to show it; and browsers.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use propylon_testkit::certificates::{Authority, file};
use propylon_testkit::tokens::{Signer, set};
use propylon_tests::{RawResponse, address, raw_request};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// A provider. It is there until the test ends.
#[derive(Clone)]
pub(crate) struct Provider {
    pub(crate) at: SocketAddr,
    directory: Arc<tempfile::TempDir>,
    pub(crate) says: Arc<Mutex<Says>>,
    tls: Arc<ServerConfig>,
}

/// What it says, and what it was asked.
pub(crate) struct Says {
    pub(crate) signer: Signer,
    pub(crate) keys: String,
    /// Replaced in the claims of ID tokens.
    pub(crate) instead: Vec<(&'static str, String)>,
    /// The header of ID tokens; none: the usual one.
    pub(crate) unsigned: bool,
    pub(crate) sid: &'static str,
    pub(crate) metadata: String,
    /// Whether it hangs up on whoever comes.
    pub(crate) down: bool,
    /// The paths that it was asked for.
    pub(crate) asked: Vec<String>,
    /// What codes are good for, once.
    codes: HashMap<String, Code>,
}

struct Code {
    nonce: String,
    redirect_uri: String,
    challenge: Option<String>,
}

impl Provider {
    /// One that listens.
    pub(crate) fn start() -> Self {
        let provider = Self::at(address());
        provider.listen();
        provider
    }

    /// One that does not listen yet.
    pub(crate) fn at(at: SocketAddr) -> Self {
        let (directory, root) = (tempfile::tempdir().unwrap(), Authority::root("Id"));
        let _ = file(directory.path(), "ca.pem", &root.certificate);
        let identity = root.server(&[&at.ip().to_string()]);
        let chain = CertificateDer::pem_slice_iter(identity.chain.as_bytes()).map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
        let crypto = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ServerConfig::builder_with_provider(crypto).with_safe_default_protocol_versions().unwrap();
        let tls = Arc::new(tls.with_no_client_auth().with_single_cert(chain, key).unwrap());
        let (signer, issuer) = (Signer::new("ES256"), format!("https://{at}"));
        let metadata = format!(
            r#"{{"issuer":"{issuer}","authorization_endpoint":"{issuer}/authorize","token_endpoint":"{issuer}/token","jwks_uri":"{issuer}/keys",
            "userinfo_endpoint":"{issuer}/userinfo","end_session_endpoint":"{issuer}/end","code_challenge_methods_supported":["S256"]}}"#
        );
        let keys = set(&[signer.key("\"kid\":\"a\"")]);
        let says = Says {
            signer,
            keys,
            instead: Vec::new(),
            unsigned: false,
            sid: "s1",
            metadata,
            down: false,
            asked: Vec::new(),
            codes: HashMap::new(),
        };
        Self { at, directory: Arc::new(directory), says: Arc::new(Mutex::new(says)), tls }
    }

    pub(crate) fn listen(&self) {
        let (listener, provider) = (TcpListener::bind(self.at).unwrap(), self.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let provider = provider.clone();
                std::thread::spawn(move || provider.serve(stream.unwrap()));
            }
        });
    }

    pub(crate) fn issuer(&self) -> String {
        format!("https://{}", self.at)
    }

    pub(crate) fn ca(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }

    pub(crate) fn says(&self, change: impl FnOnce(&mut Says)) {
        change(&mut self.says.lock().unwrap());
    }

    /// How often it was asked for a path.
    pub(crate) fn asked(&self, path: &str) -> usize {
        self.says.lock().unwrap().asked.iter().filter(|asked| *asked == path).count()
    }

    /// The table of a gateway that knows it.
    pub(crate) fn table(&self, more: &str) -> String {
        format!(
            "[oidc_provider.id]\nissuer = \"{}\"\nclient_id = \"us\"\nclient_secret = \"s&cret\"\ntls.trusted_certificate = \"{}\"\n{more}\n",
            self.issuer(),
            self.ca().display()
        )
    }

    /// A browser is at the URL of an authentication request, and its user agrees. Where it is sent then.
    pub(crate) fn agree(&self, url: &str) -> String {
        let (to, arguments) = url.split_once('?').unwrap();
        assert_eq!(to, format!("{}/authorize", self.issuer()));
        let argument = |name: &str| argument(arguments, name);
        assert_eq!(argument("response_type").as_deref(), Some("code"));
        assert_eq!(argument("client_id").as_deref(), Some("us"));
        assert!(argument("scope").unwrap().split(' ').any(|scope| scope == "openid"));
        if argument("code_challenge").is_some() {
            assert_eq!(argument("code_challenge_method").as_deref(), Some("S256"));
        }
        let redirect_uri = argument("redirect_uri").unwrap();
        let code =
            Code { nonce: argument("nonce").unwrap(), redirect_uri, challenge: argument("code_challenge") };
        let mut says = self.says.lock().unwrap();
        let name = format!("code{}", says.asked.len() * 1000 + says.codes.len());
        let to = format!("{}?code={name}&state={}", code.redirect_uri, argument("state").unwrap());
        says.codes.insert(name, code);
        to
    }

    fn serve(&self, stream: TcpStream) -> Option<()> {
        if self.says.lock().unwrap().down {
            return None;
        }
        let connection = ServerConnection::new(self.tls.clone()).unwrap();
        let mut stream = BufReader::new(StreamOwned::new(connection, stream));
        let (mut line, mut fields) = (String::new(), HashMap::new());
        stream.read_line(&mut line).ok()?;
        loop {
            let mut field = String::new();
            stream.read_line(&mut field).ok()?;
            let Some((name, value)) = field.trim_end().split_once(": ") else { break };
            fields.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        let mut body = vec![0; fields.get("content-length").map_or(0, |length| length.parse().unwrap())];
        stream.read_exact(&mut body).ok()?;
        let path = line.split(' ').nth(1)?.to_owned();
        let (status, answer) = self.answer(&path, &fields, &String::from_utf8(body).unwrap());
        let head = format!(
            "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            answer.len()
        );
        let stream = stream.get_mut();
        stream.write_all((head + &answer).as_bytes()).ok()?;
        stream.conn.send_close_notify();
        stream.flush().ok()
    }

    fn answer(&self, path: &str, fields: &HashMap<String, String>, body: &str) -> (u16, String) {
        let mut says = self.says.lock().unwrap();
        says.asked.push(path.to_owned());
        match path {
            "/.well-known/openid-configuration" => (200, says.metadata.clone()),
            "/keys" => (200, says.keys.clone()),
            "/userinfo" if fields.get("authorization").is_some_and(|token| token == "Bearer access") => {
                // As some write it, for people.
                (
                    200,
                    "{\n  \"sub\": \"me\",\n  \"email\": \"me@example.com\",\n  \"groups\": [\"a\", \"b\"]\n}\n"
                        .to_owned(),
                )
            }
            "/token" => match self.token(&mut says, fields, body) {
                Ok(answer) => (200, answer),
                Err(error) => (400, format!("{{\"error\":\"{error}\"}}")),
            },
            _ => (401, "{}".to_owned()),
        }
    }

    fn token(
        &self,
        says: &mut Says,
        fields: &HashMap<String, String>,
        body: &str,
    ) -> Result<String, &'static str> {
        let argument = |name: &str| argument(body, name).unwrap_or_default();
        let basic = format!("Basic {}", BASE64_STANDARD.encode("us:s%26cret"));
        let posted = (argument("client_id"), argument("client_secret")) == ("us".into(), "s&cret".into());
        if fields.get("authorization") != Some(&basic) && !posted {
            return Err("invalid_client");
        }
        let code = says.codes.remove(&argument("code")).ok_or("invalid_grant")?;
        let hash = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, argument("code_verifier").as_bytes()));
        if code.challenge.is_some_and(|challenge| challenge != hash)
            || argument("redirect_uri") != code.redirect_uri
        {
            return Err("invalid_grant");
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let half = BASE64_URL_SAFE_NO_PAD.encode(&digest(&SHA256, b"access").as_ref()[..16]);
        let mut claims = format!(
            r#"{{"iss":"{}","sub":"me","aud":"us","exp":{},"iat":{now},"nonce":"{}","at_hash":"{half}","sid":"{}","name":"M E"}}"#,
            self.issuer(),
            now + 300,
            code.nonce,
            says.sid
        );
        for (from, to) in &says.instead {
            claims = claims.replace(from, to);
        }
        let mut token = says.signer.named("a", &claims);
        if says.unsigned {
            token = format!(
                "{}.{}.",
                propylon_testkit::tokens::encode("{\"alg\":\"none\"}"),
                propylon_testkit::tokens::encode(claims)
            );
        }
        Ok(format!(
            r#"{{"access_token":"access","token_type":"Bearer","expires_in":300,"id_token":"{token}"}}"#
        ))
    }
}

/// An argument of a query.
pub(crate) fn argument(query: &str, name: &str) -> Option<String> {
    let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
    let mut bytes = Vec::new();
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let hex: String = rest.by_ref().take(2).map(char::from).collect();
                u8::from_str_radix(&hex, 16).unwrap()
            }
            b'+' => b' ',
            byte => byte,
        });
    }
    Some(String::from_utf8(bytes).unwrap())
}

/// A browser with its cookies.
#[derive(Clone)]
pub(crate) struct Browser {
    at: SocketAddr,
    pub(crate) cookies: Vec<(String, String)>,
}

impl Browser {
    pub(crate) fn new(at: SocketAddr) -> Self {
        Self { at, cookies: Vec::new() }
    }

    /// Asks for a path, or for a URL of the gateway's.
    pub(crate) fn get(&mut self, target: &str) -> RawResponse {
        self.ask("GET", target, "")
    }

    pub(crate) fn ask(&mut self, method: &str, target: &str, fields: &str) -> RawResponse {
        let own = format!("http://{}", self.at);
        let target = target.strip_prefix(&own).unwrap_or(target);
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies =
            if cookies.is_empty() { String::new() } else { format!("Cookie: {}\r\n", cookies.join("; ")) };
        let request = format!(
            "{method} {target} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{cookies}{fields}\r\n",
            self.at
        );
        let answer =
            raw_request(self.at, request.as_bytes()).unwrap_or_else(|error| panic!("{request}: {error}"));
        for cookie in answer.head.by_name().remove("set-cookie").unwrap_or_default() {
            let cookie = String::from_utf8_lossy(&cookie).into_owned();
            let (pair, how) = cookie.split_once("; ").unwrap();
            assert!(how.starts_with("Path=/") && how.contains("; HttpOnly; SameSite=Lax"), "{cookie}");
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.retain(|(known, _)| known != name);
            if !how.contains("Max-Age=0") {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        answer
    }

    /// Is sent to log in, where the user agrees. The way back, at this gateway.
    pub(crate) fn begin(&mut self, provider: &Provider, target: &str) -> String {
        let answer = self.get(target);
        assert_eq!(answer.status, 302, "{target}: {}", answer.text());
        let to = provider.agree(&location(&answer));
        to.split_once("://").map_or(to.clone(), |(_, rest)| rest[rest.find('/').unwrap()..].to_owned())
    }

    /// Logs in, and gets what the user wanted.
    pub(crate) fn log_in(&mut self, provider: &Provider, target: &str) -> RawResponse {
        let back = self.begin(provider, target);
        let answer = self.get(&back);
        assert_eq!((answer.status, location(&answer)), (302, target.to_owned()), "{}", answer.text());
        self.get(target)
    }
}

pub(crate) fn location(answer: &RawResponse) -> String {
    answer.head.field("location").unwrap_or_else(|| panic!("{}", answer.text()))
}
