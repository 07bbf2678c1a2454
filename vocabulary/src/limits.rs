//! The bound of every queue, wait, body and retry, in one table, each with its unit in its name.
//!
//! A peer that exceeds a bound is an anomaly or ends its connection; it never costs unbounded memory or time.

use std::time::Duration;

/// Bytes of a head (request, reply, interim) that either end reads before it gives the connection up.
pub const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Fields in a head of a reply, and of a request in HTTP/2.
pub const FIELDS_MAX: usize = 128;
/// Fields of a request in HTTP/1.1: more than any gateway passes on.
pub const REQUEST_FIELDS_MAX: usize = 4096;
/// Interim replies that a client accepts before a final one.
pub const INTERIMS_MAX: usize = 16;
/// Bytes of a body that either end reads: larger ones are given up.
pub const BODY_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Bytes of one chunk-size line with its extensions, and of all trailers.
pub const CHUNK_LINE_BYTES_MAX: usize = 16 * 1024;
/// Bytes of a head or body kept as evidence.
pub const EXCERPT_BYTES_MAX: usize = 2048;
/// Bytes of unasked data read from an idle client connection before it is closed.
pub const UNASKED_BYTES_MAX: usize = 64 * 1024;

/// How long a client waits for the first byte of a reply, and then for each further one.
pub const REPLY_WAIT: Duration = Duration::from_secs(5);
/// How long a client still waits for a reply that the origin has written in full.
pub const REPLY_WAIT_AFTER_WRITTEN: Duration = Duration::from_millis(200);
/// How long a connection to the gateway may take.
pub const CONNECT_WAIT: Duration = Duration::from_secs(2);
/// How long a stimulus waits for the event that it starts after.
pub const EVENT_WAIT: Duration = Duration::from_secs(2);
/// How long a gateway stands still at most for one request.
pub const FREEZE_WAIT: Duration = Duration::from_millis(200);
/// How long a stopped gateway's processes may take until all of them stand still.
pub const STANDSTILL_WAIT: Duration = Duration::from_millis(20);
/// How long a gate waits for its exchanges.
pub const GATE_WAIT: Duration = Duration::from_secs(2);
/// How long a gate waits when all were sent and nothing has arrived.
pub const GATE_QUIET: Duration = Duration::from_millis(100);
/// How long bait is held at most.
pub const BAIT_WAIT: Duration = Duration::from_secs(2);
/// How long the origin waits for the rest of a request that it has begun to read.
pub const REQUEST_WAIT: Duration = Duration::from_secs(5);
/// How long one write of the origin may take.
pub const WRITE_WAIT: Duration = Duration::from_secs(5);
/// How long the origin waits between cases for the gateway to close its connections, before it resets them: some
/// gateways look at an idle connection only when they want to use it.
pub const DRAIN_WAIT: Duration = Duration::from_millis(150);
/// How long a case may take in all.
pub const CASE_WAIT: Duration = Duration::from_secs(30);
/// How long a gateway may take to become ready.
pub const READY_WAIT: Duration = Duration::from_secs(20);
/// How long a process group may take to end after SIGTERM before it is killed.
pub const STOP_WAIT: Duration = Duration::from_secs(3);

/// Upstream connections open at once.
pub const UPSTREAM_CONNECTIONS_MAX: usize = 4096;
/// Requests read ahead on one upstream connection whose replies are still held.
pub const UPSTREAM_PIPELINE_MAX: usize = 64;
/// Observations of one case.
pub const OBSERVATIONS_MAX: usize = 1_000_000;
/// Replays that measure the reproduction rate of a finding.
pub const REPRODUCTION_RUNS: u32 = 20;
/// Findings of one run that are kept in full; more are counted.
pub const FINDINGS_MAX: usize = 64;
