//! Encoder and decoder against the examples of RFC 7541 Appendix C, and against each other.

use proptest::prelude::*;

use super::decoder::{LIST_BYTES_MAX, Spelling};
use super::encoder::{indexed, literal, table_size};
use super::{Decoder, Encoder, FieldList, HpackError, Indexing, Name, Style, TABLE_BYTES_DEFAULT};

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(|digit| !digit.is_ascii_whitespace()).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

/// The fields of a block, one on a line.
fn lines(list: &FieldList) -> Vec<String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    list.iter().map(|field| format!("{}: {}", text(field.name), text(field.value))).collect()
}

fn decoded(decoder: &mut Decoder, block: &[u8]) -> Result<Vec<String>, HpackError> {
    let mut list = FieldList::default();
    decoder.decode(block, &mut list)?;
    Ok(lines(&list))
}

/// Decodes the blocks one after the other, and encodes the same fields to the same bytes.
fn both_ways(table_bytes: u32, huffman: bool, blocks: &[(&str, &[&str])]) {
    let (mut decoder, mut encoder) = (Decoder::new(table_bytes), Encoder::new(table_bytes));
    for (hex, fields) in blocks {
        assert_eq!(decoded(&mut decoder, &bytes(hex)).unwrap(), *fields);
        let mut block = Vec::new();
        for field in *fields {
            let (name, value) =
                field[1..].split_once(": ").map(|(name, value)| (&field[..=name.len()], value)).unwrap();
            encoder.encode(&mut block, name.as_bytes(), value.as_bytes(), Style { indexing: Indexing::Add, huffman });
        }
        assert_eq!(block, bytes(hex), "{fields:?}");
    }
}

#[test]
fn requests_without_huffman_codes_are_those_of_appendix_c3() {
    both_ways(
        TABLE_BYTES_DEFAULT,
        false,
        &[
            (
                "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
                &[":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com"],
            ),
            (
                "8286 84be 5808 6e6f 2d63 6163 6865",
                &[
                    ":method: GET",
                    ":scheme: http",
                    ":path: /",
                    ":authority: www.example.com",
                    "cache-control: no-cache",
                ],
            ),
            (
                "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
                &[
                    ":method: GET",
                    ":scheme: https",
                    ":path: /index.html",
                    ":authority: www.example.com",
                    "custom-key: custom-value",
                ],
            ),
        ],
    );
}

#[test]
fn requests_with_huffman_codes_are_those_of_appendix_c4() {
    both_ways(
        TABLE_BYTES_DEFAULT,
        true,
        &[
            (
                "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
                &[":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com"],
            ),
            (
                "8286 84be 5886 a8eb 1064 9cbf",
                &[
                    ":method: GET",
                    ":scheme: http",
                    ":path: /",
                    ":authority: www.example.com",
                    "cache-control: no-cache",
                ],
            ),
            (
                "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
                &[
                    ":method: GET",
                    ":scheme: https",
                    ":path: /index.html",
                    ":authority: www.example.com",
                    "custom-key: custom-value",
                ],
            ),
        ],
    );
}

#[test]
fn replies_that_push_each_other_out_of_the_table_are_those_of_appendix_c6() {
    both_ways(
        256,
        true,
        &[
            (
                "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad \
                 1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
                &[
                    ":status: 302",
                    "cache-control: private",
                    "date: Mon, 21 Oct 2013 20:13:21 GMT",
                    "location: https://www.example.com",
                ],
            ),
            (
                "4883 640e ffc1 c0bf",
                &[
                    ":status: 307",
                    "cache-control: private",
                    "date: Mon, 21 Oct 2013 20:13:21 GMT",
                    "location: https://www.example.com",
                ],
            ),
            (
                "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 \
                 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
                &[
                    ":status: 200",
                    "cache-control: private",
                    "date: Mon, 21 Oct 2013 20:13:22 GMT",
                    "location: https://www.example.com",
                    "content-encoding: gzip",
                    "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
                ],
            ),
        ],
    );
}

#[test]
fn every_spelling_is_told() {
    let mut block = Vec::new();
    indexed(&mut block, 2);
    literal(&mut block, Name::New(b"a"), b"1", Style::USUAL);
    literal(&mut block, Name::At(62), b"2", Style::PLAIN);
    literal(&mut block, Name::New(b"b"), b"3", Style { indexing: Indexing::Never, huffman: true });
    indexed(&mut block, 62);
    let (mut decoder, mut list) = (Decoder::new(TABLE_BYTES_DEFAULT), FieldList::default());
    decoder.decode(&block, &mut list).unwrap();
    assert_eq!(lines(&list), [":method: GET", "a: 1", "a: 2", "b: 3", "a: 1"]);
    let spellings: Vec<Spelling> = list.iter().map(|field| field.spelling).collect();
    let expected =
        [Spelling::Indexed(2), Spelling::Added, Spelling::Literal, Spelling::NeverIndexed, Spelling::Indexed(62)];
    assert_eq!(spellings, expected);
}

#[test]
fn what_is_no_block_is_refused_with_its_reason() {
    let refused = |block: &[u8]| decoded(&mut Decoder::new(100), block).unwrap_err();
    assert_eq!(refused(&[0x80]), HpackError::Index(0));
    assert_eq!(refused(&[0xbe]), HpackError::Index(62));
    assert_eq!(refused(&[0x7e, 1, b'x']), HpackError::Index(62));
    assert_eq!(refused(&[0x40]), HpackError::Cut);
    assert_eq!(refused(&[0x40, 2, b'a']), HpackError::Cut);
    assert_eq!(refused(&[0x40, 1, b'a']), HpackError::Cut);
    assert_eq!(refused(&[0xff, 255, 255, 255, 255, 255]), HpackError::Number);
    assert_eq!(refused(&[0x40, 0x81, 0xff]), HpackError::Huffman);
    assert_eq!(refused(&[0x3f, 0x46]), HpackError::TableSize { bytes: 101, max: 100 });
    assert_eq!(refused(&[0x82, 0x20]), HpackError::LateTableSize);
}

#[test]
fn a_table_that_shrinks_and_grows_between_two_blocks_is_emptied_at_both_ends() {
    let (mut encoder, mut decoder) = (Encoder::new(200), Decoder::new(200));
    let block = |encoder: &mut Encoder| {
        let mut block = Vec::new();
        encoder.begin(&mut block);
        encoder.encode(&mut block, b"x", b"1", Style::USUAL);
        block
    };
    assert_eq!(block(&mut encoder).len(), 5);
    let first = block(&mut encoder);
    assert_eq!(first, [0xbe]);
    decoded(&mut decoder, &[0x40, 1, b'x', 1, b'1']).unwrap();
    encoder.resize(0);
    encoder.resize(200);
    let after = block(&mut encoder);
    assert_eq!(&after[..4], [0x20, 0x3f, 0xa9, 0x01]);
    assert_eq!(decoded(&mut decoder, &after).unwrap(), ["x: 1"]);
    assert_eq!(decoded(&mut decoder, &block(&mut encoder)).unwrap(), ["x: 1"]);
}

#[test]
fn a_byte_that_stands_for_thousands_fills_no_memory_and_keeps_the_table_right() {
    let (mut encoder, mut decoder) = (Encoder::new(TABLE_BYTES_DEFAULT), Decoder::new(TABLE_BYTES_DEFAULT));
    let mut bomb = Vec::new();
    encoder.encode(&mut bomb, b"x", &[b'v'; 4000], Style { indexing: Indexing::Add, huffman: false });
    (0..10_000).for_each(|_| indexed(&mut bomb, 62));
    encoder.encode(&mut bomb, b"y", b"1", Style::USUAL);
    let mut list = FieldList::default();
    decoder.decode(&bomb, &mut list).unwrap();
    assert_eq!(list.iter().count() + list.left_out(), 10_002);
    assert!(list.iter().map(|field| field.name.len() + field.value.len()).sum::<usize>() <= LIST_BYTES_MAX);
    assert_eq!(decoded(&mut decoder, &[0xbe]).unwrap(), ["y: 1"]);
}

#[test]
fn a_decoder_takes_the_size_that_its_settings_offer_now() {
    let mut decoder = Decoder::new(0);
    let mut block = Vec::new();
    table_size(&mut block, 50);
    literal(&mut block, Name::New(b"x"), b"1", Style::USUAL);
    assert_eq!(decoded(&mut decoder, &block), Err(HpackError::TableSize { bytes: 50, max: 0 }));
    decoder.offer(50);
    assert_eq!(decoded(&mut decoder, &block).unwrap(), ["x: 1"]);
    assert_eq!(decoded(&mut decoder, &[0xbe]).unwrap(), ["x: 1"]);
}

fn styles() -> impl Strategy<Value = Style> {
    let indexing = prop_oneof![Just(Indexing::Add), Just(Indexing::Without), Just(Indexing::Never)];
    (indexing, any::<bool>()).prop_map(|(indexing, huffman)| Style { indexing, huffman })
}

/// Few different names and values, so that the table is hit, and some of any bytes.
fn strings() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof!["[ab]{1,2}".prop_map(String::into_bytes), proptest::collection::vec(any::<u8>(), 0..40)]
}

proptest! {
    #[test]
    fn blocks_in_any_style_and_over_any_table_are_read_as_they_were_written(
        blocks in proptest::collection::vec(
            (proptest::option::of(0_u32..300), proptest::collection::vec((strings(), strings(), styles()), 0..12)),
            1..12,
        ),
    ) {
        let (mut encoder, mut decoder) = (Encoder::new(300), Decoder::new(300));
        let mut list = FieldList::default();
        for (resized, fields) in blocks {
            if let Some(bytes) = resized {
                encoder.resize(bytes);
            }
            let mut block = Vec::new();
            encoder.begin(&mut block);
            for (name, value, style) in &fields {
                encoder.encode(&mut block, name, value, *style);
            }
            decoder.decode(&block, &mut list).unwrap();
            let read: Vec<_> = list.iter().map(|field| (field.name.to_vec(), field.value.to_vec())).collect();
            let written: Vec<_> = fields.into_iter().map(|(name, value, _)| (name, value)).collect();
            prop_assert_eq!(read, written);
        }
    }

    #[test]
    fn any_bytes_are_decoded_or_refused(blocks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 1..8)) {
        let (mut decoder, mut list) = (Decoder::new(TABLE_BYTES_DEFAULT), FieldList::default());
        for block in blocks {
            if decoder.decode(&block, &mut list).is_err() {
                break;
            }
            prop_assert!(list.iter().count() <= block.len());
        }
    }
}
