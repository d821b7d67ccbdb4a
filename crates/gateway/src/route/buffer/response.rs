//! `buffer`, the response side: the upstream is free as soon as it has sent, however slow the client.

use std::path::Path;

use http::{HeaderName, Response};
use propylon_buffer::{Event, Report, ResponseBufferLayer, Way};
use propylon_config::{Amount, Buffers, Runtime, Settings};
use propylon_exchange::Exchange;
use propylon_h1::server::SendBuffer;
use propylon_stack::Body;

use crate::rescue;
use crate::route::limit;

const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Keeps responses as the settings say. One that came whole with its head passes as it is.
#[derive(Debug)]
pub(crate) struct Keeping {
    layer: ResponseBufferLayer,
    /// How fast it is read.
    rate: Option<Amount>,
}

impl Keeping {
    pub(crate) fn new(settings: &Settings, runtime: &Runtime) -> Self {
        let layer = layer(&settings.buffer, &super::directory(runtime));
        let layer = layer.accel(!settings.headers.ignore.contains(&X_ACCEL_BUFFERING));
        Self { layer, rate: settings.limit.upstream_rate.clone() }
    }

    /// A response of which some may be with the upstream yet.
    pub(crate) fn keep(
        &self,
        response: Response<Body>,
        connect: bool,
        exchange: Option<&Exchange>,
    ) -> Response<Body> {
        let (mut head, body) = response.into_parts();
        let way = self.layer.way(&head, connect);
        // What is stored in a file already is read as its client takes it.
        if way != Way::Kept || head.extensions.get::<SendBuffer>().is_some() {
            return Response::from_parts(head, body);
        }
        head.extensions.insert(SendBuffer(self.layer.busy_bytes()));
        let body = match &self.rate {
            None => body,
            Some(rate) => limit::read_at(body, rate, exchange),
        };
        let report = exchange.cloned().map(|exchange| {
            let report: Report = Box::new(move |event| match event {
                Event::SpillFailed(error) => rescue::report_spill(&exchange, Some(error)),
                _ => rescue::report_spill(&exchange, None),
            });
            report
        });
        Response::from_parts(head, Body::new(self.layer.body(way, body, report)))
    }
}

fn layer(buffer: &Buffers, directory: &Path) -> ResponseBufferLayer {
    ResponseBufferLayer::new(directory)
        .on(buffer.response)
        .count(buffer.count)
        .size(buffer.size)
        .busy_size(buffer.busy_size)
        .max_temp_file_size(buffer.max_temp_file_size)
        .temp_file_write_size(buffer.temp_file_write_size)
}

/// How much of a response is read from its upstream at once.
pub(crate) fn read_bytes(buffer: &Buffers) -> usize {
    layer(buffer, Path::new("")).read_bytes()
}
