//! How fast plans are drawn: a run draws one for each case, and a search over many seeds draws nothing else.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use scenarios::{DrawContext, catalogue};
use vocabulary::identity::CaseNumber;

/// Cases of each scenario: enough to meet every variant.
const CASES: u32 = 64;

fn plans(criterion: &mut Criterion) {
    let context = DrawContext::default();
    let mut group = criterion.benchmark_group("plans");
    let all = catalogue().all();
    group.throughput(Throughput::Elements(u64::from(CASES) * all.len() as u64));
    group.bench_function("catalogue", |bencher| {
        bencher.iter(|| {
            for scenario in all {
                for case in 0..CASES {
                    black_box(scenario.plan(7, CaseNumber(case), &context));
                }
            }
        });
    });
    for scenario in all {
        group.throughput(Throughput::Elements(u64::from(CASES)));
        group.bench_function(scenario.name(), |bencher| {
            bencher.iter(|| {
                for case in 0..CASES {
                    black_box(scenario.plan(7, CaseNumber(case), &context));
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, plans);
criterion_main!(benches);
