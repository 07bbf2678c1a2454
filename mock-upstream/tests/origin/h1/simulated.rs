//! An origin on a simulated network, in one thread and in time that passes only while everybody waits.

use std::sync::Arc;

use mock_upstream::{Clock, Config, Origin, OriginCase, PlannedReply};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::LocalSet;
use transport::Net;
use vocabulary::canary::{CanaryKey, Site};
use vocabulary::directive::{Directive, Writes};
use vocabulary::identity::{ExchangeId, TenantId};

use crate::stage::{final_with, request_claim};

/// In how many reads a reply arrives that the origin writes in three, a millisecond apart.
pub(crate) fn reads(seed: u64, acknowledged: bool) -> usize {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let key = CanaryKey::new([3; 16], 99);
        let config = Config { key: key.clone(), clock: Clock::start_paused(), observer: Arc::new(|_| {}) };
        let origin = Origin::start_here(Net::new(seed).listen().unwrap(), config).unwrap();
        let writes = Writes { count: 3, gap_us: 1_000, acknowledged };
        let directive = Directive { acts: vec![final_with(3000, |reply| reply.writes = writes)], every_attempt: false };
        let planned = PlannedReply { tenant: TenantId(1), directive, shared: None };
        origin.load(OriginCase { exchanges: [(ExchangeId(1), planned)].into_iter().collect(), gates: Vec::new() });

        let mut client = origin.address().connect().await.unwrap();
        let path = key.mint(request_claim(1, Site::Path));
        client.write_all(format!("GET /{path} HTTP/1.1\r\nHost: origin\r\n\r\n").as_bytes()).await.unwrap();
        let (mut read, mut reads) = (Vec::with_capacity(64 * 1024), 0);
        let body =
            |read: &[u8]| read.windows(4).position(|end| end == b"\r\n\r\n").map_or(0, |end| read.len() - end - 4);
        while body(&read) < 3000 {
            assert!(client.read_buf(&mut read).await.unwrap() > 0, "the connection ended");
            reads += 1;
        }
        reads
    })
}
