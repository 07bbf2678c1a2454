//! What checking costs: the search as a ratio to memcpy of the same bytes, the canary by itself, the stripe compare.
//!
//! `cargo bench -p crosswire-vocabulary`. Read ratios within one run; the machines are noisy.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use vocabulary::canary::{CanaryKey, Claim, Role, Scanner, Site, StripedBody, read_body};
use vocabulary::identity::{Attempt, ExchangeId, TenantId};

const KEY: [u8; 16] = [7; 16];

fn claim() -> Claim {
    Claim {
        role: Role::Reply,
        tenant: TenantId(1),
        exchange: ExchangeId(16),
        attempt: Attempt(1),
        site: Site::ReplyHeader,
        delivery: 1,
    }
}

/// Text as APIs send it: letters, digits, quotes, no canary.
fn json(bytes: usize) -> Vec<u8> {
    let line =
        br#"{"id":48213,"object":"chat.completion","created":1763620000,"text":"the quick brown fox, 90 times"},"#;
    line.iter().copied().cycle().take(bytes).collect()
}

fn scan(c: &mut Criterion) {
    let (key, scanner, text) = (CanaryKey::new(KEY, 1), Scanner::new(), json(64 * 1024));
    let mut copy = vec![0; text.len()];
    let mut group = c.benchmark_group("64 KiB without a hit");
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("memcpy", |b| b.iter(|| copy.copy_from_slice(black_box(&text))));
    group.bench_function("plain form", |b| b.iter(|| scanner.scan_plain(&key, black_box(&text))));
    group.bench_function("all encodings", |b| b.iter(|| scanner.scan(&key, black_box(&text))));
    group.finish();
}

fn canary(c: &mut Criterion) {
    let key = CanaryKey::new(KEY, 1);
    let text = key.mint(claim());
    let mut group = c.benchmark_group("one canary");
    group.bench_function("mint", |b| b.iter(|| key.mint(black_box(claim()))));
    group.bench_function("verify", |b| b.iter(|| key.verify(black_box(text.as_bytes()))));
    group.finish();
}

fn stripes(c: &mut Criterion) {
    let (key, scanner) = (CanaryKey::new(KEY, 1), Scanner::new());
    let mut group = c.benchmark_group("stripe compare");
    for bytes in [64 * 1024, 1024 * 1024] {
        let body = StripedBody::new(&key, claim(), bytes).to_vec();
        group.throughput(Throughput::Bytes(bytes));
        let name = format!("{} KiB", bytes / 1024);
        group.bench_function(name, |b| b.iter(|| read_body(&scanner, &key, None, black_box(&body))));
    }
    group.finish();
}

criterion_group!(benches, scan, canary, stripes);
criterion_main!(benches);
