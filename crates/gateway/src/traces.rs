//! Where spans go: the exporters of configurations, shared by the workers, kept over reloads for as long as they mean the same.

use std::num::NonZeroUsize;
use std::time::Duration;

use parking_lot::Mutex;
use propylon_config::{Config, TraceExporter, TraceProtocol};
use propylon_trace::{Counts, Error, Event, Exporter, Protocol, Settings, Spans};
use tokio::task::JoinHandle;

/// All exporters.
#[derive(Default)]
pub(crate) struct Traces {
    /// What has become of all spans.
    counts: Counts,
    known: Mutex<Vec<Known>>,
    /// Those that send what they still have.
    leaving: Mutex<Vec<JoinHandle<()>>>,
}

struct Known {
    config: TraceExporter,
    spans: Spans,
    work: Work,
}

enum Work {
    /// Of a configuration that may yet be refused.
    Waiting(Box<Exporter>),
    Running(JoinHandle<()>),
}

impl Traces {
    /// What has become of spans.
    pub(crate) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// How many wait to be sent.
    pub(crate) fn waiting(&self) -> usize {
        self.known.lock().iter().map(|known| known.spans.waiting()).sum()
    }

    /// What takes spans for this exporter.
    pub(crate) fn spans(&self, config: &TraceExporter) -> Option<Spans> {
        let mut all = self.known.lock();
        if let Some(known) = all.iter().find(|known| known.config == *config) {
            return Some(known.spans.clone());
        }
        // What is no good was an error of the configuration.
        let builder = Exporter::builder(settings(config).ok()?).counts(self.counts.clone()).observer(report);
        let (spans, exporter) = builder.build();
        let work = Work::Waiting(Box::new(exporter));
        all.push(Known { config: config.clone(), spans: spans.clone(), work });
        Some(spans)
    }

    /// This configuration is in force: its exporter works, and others end as soon as nobody has spans for them any more.
    pub(crate) fn put_to_use(&self, config: &Config) {
        let wanted = config.trace_exporter.as_ref();
        let (kept, left): (Vec<_>, Vec<_>) =
            self.known.lock().drain(..).partition(|known| Some(&known.config) == wanted);
        let running = left.into_iter().filter_map(|known| match known.work {
            Work::Running(task) => Some(task),
            Work::Waiting(_) => None,
        });
        let mut leaving = self.leaving.lock();
        leaving.retain(|task| !task.is_finished());
        leaving.extend(running);
        *self.known.lock() = kept.into_iter().map(Known::started).collect();
    }

    /// Nobody records any more: what waits is sent, for so long at most.
    pub(crate) async fn end(&self, limit: Duration) {
        let known = std::mem::take(&mut *self.known.lock());
        let mut tasks = std::mem::take(&mut *self.leaving.lock());
        for Known { spans, work, .. } in known {
            spans.finish();
            if let Work::Running(task) = work {
                tasks.push(task);
            }
        }
        let ended = async {
            for task in &mut tasks {
                let _ = task.await; // a panic in there is on record already
            }
        };
        if tokio::time::timeout(limit, ended).await.is_err() {
            tracing::warn!(target: "propylon_gateway", "spans could not be sent within {limit:?}: they are lost");
            tasks.iter().for_each(JoinHandle::abort);
        }
    }
}

impl Known {
    fn started(self) -> Self {
        let work = match self.work {
            Work::Waiting(exporter) => Work::Running(tokio::spawn(exporter.run())),
            running @ Work::Running(_) => running,
        };
        Self { work, ..self }
    }
}

fn settings(config: &TraceExporter) -> Result<Settings, Error> {
    let count = |count| NonZeroUsize::new(count).unwrap_or(NonZeroUsize::MIN);
    let protocol = match config.protocol {
        TraceProtocol::Grpc => Protocol::Grpc,
        TraceProtocol::HttpProtobuf => Protocol::HttpProtobuf,
    };
    let mut settings = Settings::new(&config.endpoint, protocol)?
        .interval(config.interval)
        .timeout(config.timeout)
        .batch_size(count(config.batch_size))
        .queue(count(config.queue))
        .scope("propylon", env!("CARGO_PKG_VERSION"))
        .resource("service.name", &*config.service_name);
    if config.gzip {
        settings = settings.gzip();
    }
    for (name, value) in &config.attributes {
        settings = settings.resource(&**name, &**value);
    }
    for (name, value) in &config.headers {
        settings = settings.header(name.clone(), value.clone());
    }
    if let Some(file) = &config.trusted_certificate {
        settings = settings.trusted_certificate(file);
    }
    Ok(settings)
}

/// What the world is to blame for: certificates that cannot be read. Reads files.
pub(crate) fn fault(config: &Config) -> Option<String> {
    let exporter = config.trace_exporter.as_ref()?;
    let problem = settings(exporter).and_then(|settings| settings.check()).err()?;
    let what = format!("[trace_exporter] cannot be used: {problem}");
    tracing::error!(target: "propylon_gateway", "{what}; spans are lost until it can be used");
    Some(what)
}

fn report(event: &Event<'_>) {
    match event {
        Event::Recovered { .. } => tracing::warn!(target: "propylon_gateway", "{event}"),
        _ => tracing::error!(target: "propylon_gateway", "{event}"),
    }
}
