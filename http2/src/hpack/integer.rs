//! Numbers within and behind a byte. RFC 7541 §5.1.

use super::HpackError;

/// Appends a number with a prefix of so many bits; the bits above it are the first byte's own.
pub(super) fn write(out: &mut Vec<u8>, first: u8, prefix_bits: u32, number: u32) {
    let prefix_max = (1_u32 << prefix_bits) - 1;
    if number < prefix_max {
        out.push(first | number as u8);
        return;
    }
    out.push(first | prefix_max as u8);
    let mut rest = number - prefix_max;
    while rest >= 128 {
        out.push(rest as u8 | 128);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// Reads a number with a prefix of so many bits: it, and what stands behind it.
pub(super) fn read(bytes: &[u8], prefix_bits: u32) -> Result<(u32, &[u8]), HpackError> {
    let (first, mut rest) = bytes.split_first().ok_or(HpackError::Cut)?;
    let prefix_max = (1_u64 << prefix_bits) - 1;
    let mut number = u64::from(*first) & prefix_max;
    if number < prefix_max {
        return Ok((number as u32, rest));
    }
    // Five times seven bits hold 32; whoever needs more hides something.
    for shift in (0..35).step_by(7) {
        let (next, behind) = rest.split_first().ok_or(HpackError::Cut)?;
        number += u64::from(next & 127) << shift;
        rest = behind;
        if next & 128 == 0 {
            return Ok((u32::try_from(number).map_err(|_| HpackError::Number)?, rest));
        }
    }
    Err(HpackError::Number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(first: u8, prefix_bits: u32, number: u32) -> Vec<u8> {
        let mut out = Vec::new();
        write(&mut out, first, prefix_bits, number);
        out
    }

    #[test]
    fn the_examples_of_the_rfc() {
        // RFC 7541 Appendix C.1.
        assert_eq!(written(0, 5, 10), [0b01010]);
        assert_eq!(written(0, 5, 1337), [0b11111, 0b1001_1010, 0b0000_1010]);
        assert_eq!(written(0, 8, 42), [42]);
    }

    #[test]
    fn what_is_too_large_or_cut_is_no_number() {
        assert_eq!(read(&[], 5), Err(HpackError::Cut));
        assert_eq!(read(&[31, 0x80], 5), Err(HpackError::Cut));
        assert_eq!(read(&[31, 255, 255, 255, 255, 15], 5), Err(HpackError::Number));
        assert_eq!(read(&[31, 0x80, 0x80, 0x80, 0x80, 0x80, 0], 5), Err(HpackError::Number));
        assert_eq!(read(&[31, 0x80, 0x80, 0x80, 0x80, 0], 5), Ok((31, &[][..])));
    }

    proptest! {
        #[test]
        fn every_number_is_read_as_it_was_written(number: u32, prefix_bits in 4_u32..=7, behind: u8) {
            let mut out = written(0, prefix_bits, number);
            out.push(behind);
            prop_assert_eq!(read(&out, prefix_bits), Ok((number, &[behind][..])));
        }
    }
}
