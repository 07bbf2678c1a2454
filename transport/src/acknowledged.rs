//! Whether the peer's kernel has acknowledged everything that was written on a connection.
//!
//! The proof that a surplus was early needs it. The kernel tells it by `SIOCOUTQ`, which safe code cannot
//! ask for, and in `/proc/net/tcp`, which it can read. Where there is no such file the answer is that nothing is known.

use std::net::SocketAddr;

/// Bytes on this connection that the peer's kernel has not acknowledged; none if nothing is known.
pub(crate) fn unacknowledged(local: SocketAddr, peer: SocketAddr) -> Option<u64> {
    let path = if local.is_ipv4() { "/proc/net/tcp" } else { "/proc/net/tcp6" };
    let table = std::fs::read_to_string(path).ok()?;
    transmit_queue(&table, local.port(), peer.port())
}

/// The transmit queue of the one connection between these ports. Two connections between the same ports but other
/// addresses cannot be told apart here, so of several the fullest counts.
fn transmit_queue(table: &str, local_port: u16, peer_port: u16) -> Option<u64> {
    let (local, peer) = (format!(":{local_port:04X}"), format!(":{peer_port:04X}"));
    let rows = table.lines().skip(1).filter_map(|line| {
        let mut columns = line.split_ascii_whitespace().skip(1);
        let ours = columns.next()?.ends_with(&local) & columns.next()?.ends_with(&peer);
        let queue = columns.nth(1)?.split(':').next()?;
        u64::from_str_radix(queue, 16).ok().filter(|_| ours)
    });
    rows.max()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0
   1: 0100007F:1F90 0100007F:C350 01 0000002A:00000000 00:00000000 00000000     0        0 2 1 0
   2: 0100007F:C350 0100007F:1F90 01 00000000:00000007 00:00000000 00000000     0        0 3 1 0
";

    #[test]
    fn the_queue_of_our_end_is_found_and_not_that_of_the_other() {
        assert_eq!(transmit_queue(TABLE, 0x1f90, 0xc350), Some(42));
        assert_eq!(transmit_queue(TABLE, 0xc350, 0x1f90), Some(0));
        assert_eq!(transmit_queue(TABLE, 0x1f90, 0x1234), None);
    }
}
