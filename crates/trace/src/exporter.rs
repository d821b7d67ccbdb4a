//! What sends spans to the collector.

use std::fmt;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use prost::Message;
use tokio::time::Instant;

use crate::answer::Taken;
use crate::backoff::{TRIES, pause};
use crate::connection::Collector;
use crate::queue::Waiting;
use crate::wire::{ExportRequest, Resource, ResourceSpans, Scope, ScopeSpans};
use crate::{Counts, Error, Event, Settings, Spans, span};

/// How often it is told that more spans come than can be sent.
const TELLS: Duration = Duration::from_secs(60);

/// How large a batch may become before it is sent without waiting for more: servers of gRPC take 4 MiB.
const LARGEST: usize = 2 << 20;

type Observer = dyn Fn(&Event<'_>) + Send + Sync;

/// Makes an [`Exporter`], and what takes spans for it.
pub struct Builder {
    settings: Settings,
    counts: Counts,
    observer: Arc<Observer>,
}

impl Builder {
    /// Counts there. Default: in numbers of its own.
    #[must_use]
    pub fn counts(mut self, counts: Counts) -> Self {
        self.counts = counts;
        self
    }

    /// Is told what has happened. Default: nobody is.
    #[must_use]
    pub fn observer(mut self, observer: impl Fn(&Event<'_>) + Send + Sync + 'static) -> Self {
        self.observer = Arc::new(observer);
        self
    }

    /// Both ends.
    #[must_use]
    pub fn build(self) -> (Spans, Exporter) {
        let Self { settings, counts, observer } = self;
        let (spans, waiting) = Spans::new(settings.queue.get(), settings.batch_size.get(), counts.clone());
        let settings = Arc::new(settings);
        let exporter = Exporter {
            collector: Collector::new(settings.clone()),
            envelope: Envelope::new(&settings),
            endpoint: settings.endpoint(),
            settings,
            waiting,
            told_drops: counts.dropped(),
            told: None,
            failing: None,
            rejecting: false,
            counts,
            observer,
        };
        (spans, exporter)
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// Sends spans to the collector, in batches, one at a time: [`run`](Self::run).
pub struct Exporter {
    settings: Arc<Settings>,
    endpoint: String,
    envelope: Envelope,
    waiting: Waiting,
    collector: Collector,
    counts: Counts,
    observer: Arc<Observer>,
    /// How many had been lost when it began to fail, for as long as it does.
    failing: Option<u64>,
    /// Whether the collector takes a part only.
    rejecting: bool,
    /// How many dropped ones have been told of, and when.
    told_drops: u64,
    told: Option<Instant>,
}

/// What is around the spans of each batch.
struct Envelope {
    resource: Resource,
    scope: Scope,
    gzip: bool,
}

fn gzip(message: &[u8]) -> Vec<u8> {
    let room = Vec::with_capacity(message.len() / 4);
    let mut encoder = GzEncoder::new(room, Compression::fast());
    // Writing to a Vec cannot fail.
    let _ = encoder.write_all(message);
    encoder.finish().unwrap_or_default()
}

impl Envelope {
    fn new(settings: &Settings) -> Self {
        let attributes = settings.resource.iter().map(|(name, value)| span::attribute(name, value));
        let (name, version) = &settings.scope;
        Self {
            resource: Resource { attributes: attributes.collect() },
            scope: Scope { name: span::utf8(name.as_bytes()), version: span::utf8(version.as_bytes()) },
            gzip: settings.gzip,
        }
    }

    fn seal(&self, spans: Vec<Bytes>) -> Bytes {
        let scope_spans = vec![ScopeSpans { scope: Some(self.scope.clone()), spans }];
        let resource_spans = vec![ResourceSpans { resource: Some(self.resource.clone()), scope_spans }];
        let message = ExportRequest { resource_spans }.encode_to_vec();
        if self.gzip { gzip(&message) } else { message }.into()
    }
}

impl Exporter {
    /// With these settings.
    #[must_use]
    pub fn builder(settings: Settings) -> Builder {
        Builder { settings, counts: Counts::default(), observer: Arc::new(|_| {}) }
    }

    /// Sends what comes, until the last [`Spans`] are gone or are [finished](Spans::finish), and what waits by then. It spawns a task for
    /// each connection to the collector, and nothing else.
    pub async fn run(mut self) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(self.settings.interval) => {}
                () = self.waiting.bell.heard() => {}
            }
            self.waiting.bell.still();
            self.empty().await;
            // It may have been told so while a batch was under way.
            if self.waiting.bell.is_over() && self.waiting.len() == 0 {
                return;
            }
        }
    }

    /// Sends what waits; what is less than a batch by the time that the first one is sent has time.
    async fn empty(&mut self) {
        let batch = self.settings.batch_size.get();
        loop {
            let spans = self.waiting.take(batch, LARGEST);
            if spans.is_empty() {
                break;
            }
            let count = spans.len() as u64;
            let message = self.envelope.seal(spans);
            self.send(&message, count).await;
            self.tell_drops();
            if self.waiting.len() < batch && !self.waiting.bell.is_over() {
                break;
            }
        }
        self.tell_drops();
    }

    /// Sends a batch, several times if need be.
    async fn send(&mut self, message: &Bytes, count: u64) {
        for failures in 1.. {
            let patience = self.settings.timeout;
            let sent = match tokio::time::timeout(patience, self.collector.send(message)).await {
                Ok(sent) => sent,
                Err(_) => {
                    self.collector.close();
                    Err(Error::Timeout(patience))
                }
            };
            let error = match sent {
                Ok(taken) => return self.taken(&taken, count),
                Err(error) => error,
            };
            let again = error.is_temporary() && failures < TRIES && !self.waiting.bell.is_over();
            self.fails(&error);
            if !again {
                self.counts.fail(count);
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(pause(failures, error.after(), fastrand::f64())) => {}
                () = self.waiting.bell.over() => {}
            }
            self.waiting.bell.still(); // a ring that was heard here is for nobody else
        }
    }

    fn taken(&mut self, taken: &Taken, count: u64) {
        let rejected = taken.rejected.min(count);
        self.counts.export(count - rejected);
        self.counts.fail(rejected);
        if let Some(before) = self.failing.take() {
            let lost = self.lost().saturating_sub(before);
            (self.observer)(&Event::Recovered { endpoint: &self.endpoint, lost });
            // They have been told of.
            self.told_drops = self.counts.dropped();
        }
        if rejected > 0 && !self.rejecting {
            let message = &taken.message;
            (self.observer)(&Event::Rejected { endpoint: &self.endpoint, spans: rejected, message });
        }
        self.rejecting = rejected > 0;
    }

    fn fails(&mut self, error: &Error) {
        if self.failing.is_none() {
            self.failing = Some(self.lost());
            (self.observer)(&Event::Failing { endpoint: &self.endpoint, error });
        }
    }

    fn lost(&self) -> u64 {
        self.counts.failed() + self.counts.dropped()
    }

    /// That the queue is full is no news while nothing can be sent.
    fn tell_drops(&mut self) {
        let dropped = self.counts.dropped().saturating_sub(self.told_drops);
        let now = Instant::now();
        if dropped > 0 && self.failing.is_none() && self.told.is_none_or(|told| now - told >= TELLS) {
            self.told_drops += dropped;
            self.told = Some(now);
            (self.observer)(&Event::Overflow { spans: dropped });
        }
    }
}

impl fmt::Debug for Exporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exporter").field("settings", &self.settings).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
