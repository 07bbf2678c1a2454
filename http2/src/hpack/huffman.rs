//! The Huffman code of RFC 7541 Appendix B.
//!
//! It is canonical: codes of one length follow each other in the order of their symbols, and so the lengths say it all.

use super::HpackError;

/// The bits of each byte's code, and behind them those of the end of a string, which never occurs.
#[rustfmt::skip]
const LENGTHS: [u8; SYMBOLS] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
    28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7,
    7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21,
    23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24,
    21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];

const SYMBOLS: usize = 257;
const END_OF_STRING: u16 = 256;
/// The code's tree has one node less than symbols.
const NODES: usize = SYMBOLS - 1;

const CODES: [u32; SYMBOLS] = codes();
const CHILDREN: [[Child; 2]; NODES] = children();
/// From a node, by the next four bits. No code is shorter than five, so that a step meets one symbol at most.
static STEPS: [[Step; 16]; NODES] = steps();
/// Whether a string may end at a node: at the root, or after less than eight bits that are all ones. RFC 7541 §5.2.
static MAY_END: [bool; NODES] = may_end();

#[derive(Clone, Copy)]
enum Child {
    Nothing,
    Node(u8),
    Symbol(u16),
}

#[derive(Clone, Copy)]
struct Step {
    node: u8,
    met: Met,
}

#[derive(Clone, Copy)]
enum Met {
    Nothing,
    Byte(u8),
    EndOfString,
}

const fn codes() -> [u32; SYMBOLS] {
    let mut codes = [0; SYMBOLS];
    let (mut next, mut length) = (0_u32, 1);
    while length <= 30 {
        let mut symbol = 0;
        while symbol < SYMBOLS {
            if LENGTHS[symbol] == length {
                codes[symbol] = next;
                next += 1;
            }
            symbol += 1;
        }
        next <<= 1;
        length += 1;
    }
    codes
}

const fn children() -> [[Child; 2]; NODES] {
    let mut children = [[Child::Nothing; 2]; NODES];
    let (mut nodes, mut symbol) = (1, 0);
    while symbol < SYMBOLS {
        let (mut node, mut left) = (0, LENGTHS[symbol]);
        while left > 1 {
            left -= 1;
            let bit = (CODES[symbol] >> left & 1) as usize;
            node = match children[node][bit] {
                Child::Node(next) => next as usize,
                Child::Nothing | Child::Symbol(_) => {
                    children[node][bit] = Child::Node(nodes as u8);
                    nodes += 1;
                    nodes - 1
                }
            };
        }
        children[node][(CODES[symbol] & 1) as usize] = Child::Symbol(symbol as u16);
        symbol += 1;
    }
    children
}

const fn steps() -> [[Step; 16]; NODES] {
    let mut steps = [[Step { node: 0, met: Met::Nothing }; 16]; NODES];
    let mut node = 0;
    while node < NODES {
        let mut bits = 0;
        while bits < 16 {
            let (mut at, mut met, mut left) = (node, Met::Nothing, 4);
            while left > 0 {
                left -= 1;
                match CHILDREN[at][bits >> left & 1] {
                    Child::Node(next) => at = next as usize,
                    Child::Symbol(END_OF_STRING) => (at, met) = (0, Met::EndOfString),
                    Child::Symbol(symbol) => (at, met) = (0, Met::Byte(symbol as u8)),
                    Child::Nothing => panic!("the code leaves no bits without a meaning"),
                }
            }
            steps[node][bits] = Step { node: at as u8, met };
            bits += 1;
        }
        node += 1;
    }
    steps
}

const fn may_end() -> [bool; NODES] {
    let mut may_end = [false; NODES];
    let (mut node, mut bits) = (0, 0);
    while bits < 8 {
        may_end[node] = true;
        node = match CHILDREN[node][1] {
            Child::Node(next) => next as usize,
            Child::Nothing | Child::Symbol(_) => panic!("no symbol has a code of less than eight ones"),
        };
        bits += 1;
    }
    may_end
}

/// The bytes that a string takes.
pub(super) fn length(string: &[u8]) -> usize {
    let bits: usize = string.iter().map(|byte| usize::from(LENGTHS[usize::from(*byte)])).sum();
    bits.div_ceil(8)
}

/// Appends a string.
pub(super) fn encode(out: &mut Vec<u8>, string: &[u8]) {
    let (mut bits, mut held) = (0_u64, 0_u32);
    for byte in string {
        let symbol = usize::from(*byte);
        bits = bits << LENGTHS[symbol] | u64::from(CODES[symbol]);
        held += u32::from(LENGTHS[symbol]);
        while held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
        }
    }
    if held > 0 {
        let padding = 8 - held;
        out.push((bits << padding | ((1 << padding) - 1)) as u8);
    }
}

/// Appends what a string says: at most eight bytes for each five of it.
pub(super) fn decode(out: &mut Vec<u8>, string: &[u8]) -> Result<(), HpackError> {
    let mut node = 0_u8;
    for byte in string {
        for bits in [byte >> 4, byte & 15] {
            let step = STEPS[usize::from(node)][usize::from(bits)];
            node = step.node;
            match step.met {
                Met::Nothing => {}
                Met::Byte(byte) => out.push(byte),
                Met::EndOfString => return Err(HpackError::Huffman),
            }
        }
    }
    if MAY_END[usize::from(node)] { Ok(()) } else { Err(HpackError::Huffman) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decoded(string: &[u8]) -> Result<Vec<u8>, HpackError> {
        let mut out = Vec::new();
        decode(&mut out, string).map(|()| out)
    }

    #[test]
    fn the_code_is_the_rfcs_at_its_ends_and_in_the_middle() {
        let code = |symbol: usize| (CODES[symbol], LENGTHS[symbol]);
        assert_eq!([code(b'0'.into()), code(b'z'.into()), code(b'&'.into())], [(0, 5), (0x7b, 7), (0xf8, 8)]);
        assert_eq!([code(0), code(22), code(256)], [(0x1ff8, 13), (0x3fff_fffe, 30), (0x3fff_ffff, 30)]);
    }

    #[test]
    fn only_ones_may_fill_up_the_last_byte_and_only_that() {
        // "a" is 00011.
        assert_eq!(decoded(&[0b0001_1111]), Ok(b"a".to_vec()));
        assert_eq!(decoded(&[0b0001_1110]), Err(HpackError::Huffman));
        assert_eq!(decoded(&[0b0001_1111, 255]), Err(HpackError::Huffman));
        assert_eq!(decoded(&[255]), Err(HpackError::Huffman));
        assert_eq!(decoded(&[255; 4]), Err(HpackError::Huffman));
        assert_eq!(decoded(&[]), Ok(Vec::new()));
    }

    proptest! {
        #[test]
        fn every_string_is_read_as_it_was_written(string in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut out = Vec::new();
            encode(&mut out, &string);
            prop_assert_eq!(out.len(), length(&string));
            prop_assert_eq!(decoded(&out), Ok(string));
        }

        #[test]
        fn any_bytes_are_read_or_refused(string in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(read) = decoded(&string) {
                let mut again = Vec::new();
                encode(&mut again, &read);
                prop_assert_eq!(again, string);
            }
        }
    }
}
