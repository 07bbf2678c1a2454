//! What the head of a typical reply costs, beside crate `h2`: a thousand HEADERS frames on one connection, each with a tag
//! and a canary of its own.
//!
//! `cargo bench -p crosswire-http2`. Read ratios within one run; the machines are noisy.

use std::hint::black_box;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use futures_core::Stream;
use h2::Codec;
use h2::frame::{Frame as PeerFrame, Headers, Pseudo, StreamId as PeerStream};
use http::{HeaderMap, HeaderValue, StatusCode};
use http2::hpack::{Decoder, Encoder, FieldList, Style, TABLE_BYTES_DEFAULT};
use http2::{Blocks, FrameReader, StreamId, frame};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

const HEADS: u32 = 1000;
const STYLES: [(&str, Style); 2] = [("shared table", Style::USUAL), ("no table", Style::PLAIN)];

fn fields(number: u32) -> [(&'static str, String); 8] {
    [
        (":status", "200".to_owned()),
        ("content-type", "text/plain".to_owned()),
        ("content-length", "512".to_owned()),
        ("cache-control", "private, no-store".to_owned()),
        ("vary", "accept-encoding".to_owned()),
        ("server", "origin".to_owned()),
        ("etag", format!("\"{number:032x}\"")),
        ("x-crosswire", format!("xw90q8dgmy4rt57qaqaaadaefiaaf{number:024}")),
    ]
}

fn ours(style: Style) -> Vec<u8> {
    let (mut encoder, mut block, mut out) = (Encoder::new(TABLE_BYTES_DEFAULT), Vec::new(), Vec::new());
    for number in 0..HEADS {
        block.clear();
        encoder.begin(&mut block);
        for (name, value) in &fields(number) {
            encoder.encode(&mut block, name.as_bytes(), value.as_bytes(), style);
        }
        frame::headers(&mut out, StreamId(1 + 2 * number), &block, true, 16_384);
    }
    out
}

/// A connection in memory: gives what it was made of, and counts what is written.
struct Memory<'a> {
    unread: &'a [u8],
    written: usize,
}

impl AsyncRead for Memory<'_> {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let (read, unread) = self.unread.split_at(self.unread.len().min(into.remaining()));
        into.put_slice(read);
        self.unread = unread;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Memory<'_> {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        self.written += bytes.len();
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn peers_heads() -> Vec<Headers> {
    let head = |number: u32| {
        let mut map = HeaderMap::new();
        for (name, value) in fields(number).into_iter().skip(1) {
            map.insert(name, HeaderValue::from_str(&value).expect("a value"));
        }
        let mut head = Headers::new(PeerStream::from(1 + 2 * number), Pseudo::response(StatusCode::OK), map);
        head.set_end_stream();
        head
    };
    (0..HEADS).map(head).collect()
}

fn encode(c: &mut Criterion) {
    let mut group = c.benchmark_group("encode 1000 heads");
    group.throughput(Throughput::Elements(u64::from(HEADS)));
    for (name, style) in STYLES {
        let heads: Vec<_> = (0..HEADS).map(fields).collect();
        group.bench_function(name, |b| {
            b.iter(|| {
                let (mut encoder, mut block, mut out) = (Encoder::new(TABLE_BYTES_DEFAULT), Vec::new(), Vec::new());
                for (number, fields) in (0..).zip(&heads) {
                    block.clear();
                    encoder.begin(&mut block);
                    for (name, value) in fields {
                        encoder.encode(&mut block, name.as_bytes(), value.as_bytes(), style);
                    }
                    frame::headers(&mut out, StreamId(1 + 2 * number), &block, true, 16_384);
                }
                black_box(out.len())
            });
        });
    }
    group.bench_function("crate h2", |b| {
        b.iter_batched(
            peers_heads,
            |heads| {
                let mut codec: Codec<_, std::io::Cursor<Vec<u8>>> = Codec::new(Memory { unread: &[], written: 0 });
                let mut context = Context::from_waker(Waker::noop());
                for head in heads {
                    assert!(codec.poll_ready(&mut context).is_ready());
                    codec.buffer(PeerFrame::Headers(head)).expect("a head");
                }
                assert!(codec.flush(&mut context).is_ready());
                black_box(codec.get_ref().written)
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn decode(c: &mut Criterion) {
    let mut group = c.benchmark_group("decode 1000 heads");
    group.throughput(Throughput::Elements(u64::from(HEADS)));
    for (name, style) in STYLES {
        let wire = ours(style);
        group.bench_function(name, |b| {
            b.iter(|| {
                let (mut reader, mut blocks) = (FrameReader::new(16_384), Blocks::default());
                let (mut decoder, mut list, mut count) = (Decoder::new(TABLE_BYTES_DEFAULT), FieldList::default(), 0);
                for part in wire.chunks(16_384) {
                    reader.push(part);
                    while let Some(frame) = reader.next().expect("a frame") {
                        if let Some(block) = blocks.take(frame).expect("a block") {
                            decoder.decode(&block.bytes, &mut list).expect("fields");
                            count += black_box(&list).iter().count();
                        }
                    }
                }
                assert_eq!(count, HEADS as usize * 8);
            });
        });
        group.bench_function(format!("crate h2, {name}"), |b| {
            b.iter(|| {
                let memory = Memory { unread: &wire, written: 0 };
                let mut codec: Codec<_, std::io::Cursor<Vec<u8>>> = Codec::new(memory);
                let mut context = Context::from_waker(Waker::noop());
                let mut count = 0;
                while let Poll::Ready(Some(frame)) = Pin::new(&mut codec).poll_next(&mut context) {
                    if let Ok(PeerFrame::Headers(head)) = frame {
                        count += 1 + black_box(&head).fields().len();
                    }
                }
                assert_eq!(count, HEADS as usize * 8);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, encode, decode);
criterion_main!(benches);
