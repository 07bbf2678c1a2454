//! Affinity: which client connections can receive what was left behind on the upstream connections of another.
//!
//! A gateway with several workers has a pool of upstream connections for each of them, and a client connection belongs to
//! one worker for its life. Two client connections have affinity when requests of both have arrived on one upstream
//! connection, or when a chain of such pairs leads from one to the other: these form a class. Behind a gateway with one
//! pool all are in one class; behind one that shares nothing, each is a class of its own.
//!
//! Pure: it knows what both ends have observed, and asks no gateway. That no affinity is known does not say that there is
//! none.

use std::collections::{BTreeMap, BTreeSet};

use vocabulary::history::{History, Observation};
use vocabulary::identity::{ConnectionId, ExchangeId};

/// A request went out on the one connection and arrived on the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Link {
    /// The client's connection to the gateway.
    pub(crate) client: ConnectionId,
    /// The gateway's connection to the origin.
    pub(crate) upstream: ConnectionId,
}

/// The client connections that have affinity with one of those on which these exchanges were sent, these among them. An
/// exchange that is not sent yet has none.
pub(crate) fn class_of(observations: &[Observation], exchanges: &[ExchangeId]) -> BTreeSet<ConnectionId> {
    let sent_on: BTreeMap<ExchangeId, ConnectionId> = observations
        .iter()
        .filter_map(|observation| match observation {
            Observation::Sent(sent) => Some((sent.exchange, sent.connection)),
            _ => None,
        })
        .collect();
    let links = observations.iter().filter_map(|observation| match observation {
        Observation::Seen(seen) => Some(Link { client: *sent_on.get(&seen.exchange?)?, upstream: seen.connection }),
        _ => None,
    });
    class(&links.collect(), exchanges.iter().filter_map(|exchange| sent_on.get(exchange)).copied())
}

/// Every link of a case.
pub(crate) fn links(history: &History) -> BTreeSet<Link> {
    let sent = history.exchanges.values().filter_map(|exchange| Some((exchange, exchange.sent.as_ref()?.connection)));
    sent.flat_map(|(exchange, client)| exchange.seen.iter().map(move |seen| Link { client, upstream: seen.connection }))
        .collect()
}

/// The client connections in the classes of some, these among them.
pub(crate) fn class(links: &BTreeSet<Link>, of: impl IntoIterator<Item = ConnectionId>) -> BTreeSet<ConnectionId> {
    let mut clients: BTreeSet<ConnectionId> = of.into_iter().collect();
    loop {
        let upstream: BTreeSet<ConnectionId> =
            links.iter().filter(|link| clients.contains(&link.client)).map(|link| link.upstream).collect();
        let before = clients.len();
        clients.extend(links.iter().filter(|link| upstream.contains(&link.upstream)).map(|link| link.client));
        if clients.len() == before {
            return clients;
        }
    }
}

/// Which of a lane's connections, from the oldest to the newest, is used: the newest of the class. The gateway is least
/// likely to have closed that one by now.
pub(crate) fn choose(open: &[ConnectionId], class: &BTreeSet<ConnectionId>) -> Option<usize> {
    open.iter().rposition(|connection| class.contains(connection))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Links as `CLIENT-UPSTREAM`, the class of client connections, and which of the open ones is chosen.
    #[track_caller]
    fn check(links: &str, of: &[u32], in_class: &[u32], open: &[u32], chosen: Option<u32>) {
        let link = |link: &str| {
            let (client, upstream) = link.split_once('-').unwrap();
            let [client, upstream] = [client, upstream].map(|number| ConnectionId(number.parse().unwrap()));
            Link { client, upstream }
        };
        let links: BTreeSet<Link> = links.split_whitespace().map(link).collect();
        let class = class(&links, of.iter().copied().map(ConnectionId));
        assert_eq!(class.iter().map(|connection| connection.0).collect::<Vec<_>>(), in_class, "{links:?}");
        let open: Vec<ConnectionId> = open.iter().copied().map(ConnectionId).collect();
        assert_eq!(choose(&open, &class).map(|at| open[at].0), chosen, "{links:?}");
    }

    #[test]
    fn a_candidate_is_chosen_that_shared_an_upstream_connection_with_the_named_one() {
        check("1-1 2-2 3-1", &[1], &[1, 3], &[2, 3], Some(3));
        check("1-1 2-2 3-1", &[2], &[2], &[3], None);
    }

    #[test]
    fn a_chain_of_shared_connections_counts_as_one() {
        check("1-1 2-1 2-2 3-2 3-3 4-3 5-5", &[1], &[1, 2, 3, 4], &[5, 4], Some(4));
        check("1-1 2-1 2-2 3-2 3-3 4-3 5-5", &[4], &[1, 2, 3, 4], &[5], None);
    }

    #[test]
    fn whoever_shares_with_one_of_several_is_chosen() {
        check("1-1 2-2 3-2 4-3", &[1, 2], &[1, 2, 3], &[4, 3], Some(3));
        check("1-1 2-2 3-3", &[], &[], &[1, 2, 3], None);
    }

    #[test]
    fn of_several_the_newest_is_chosen() {
        check("1-1 2-1 3-1 4-2", &[1], &[1, 2, 3], &[2, 3, 4], Some(3));
    }

    #[test]
    fn where_nothing_was_seen_or_nothing_is_shared_nothing_is_chosen() {
        check("", &[1], &[1], &[2, 3], None);
        check("1-1 2-2 3-3", &[1], &[1], &[2, 3], None);
    }
}
