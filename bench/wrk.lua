-- wrk's summary as one line that a program can read; times in microseconds.
function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    '\nJSON{"requests":%d,"errors":%d,"seconds":%f,"p50":%f,"p99":%f}\n',
    summary.requests, e.connect + e.read + e.write + e.status + e.timeout,
    summary.duration / 1e6, latency:percentile(50), latency:percentile(99)))
end
