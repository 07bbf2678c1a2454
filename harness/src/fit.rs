//! Whether a scenario, or a kept plan, can be run on a gateway at all; if not, what it needs and does not have.
//!
//! Pure. What is skipped is told with this reason; it is no finding and no silence either.

use std::time::Duration;

use scenarios::Scenario;
use vocabulary::crossing::Http;
use vocabulary::plan::Plan;

/// What is known of the gateway, and of how it is tested.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fit {
    /// What the clients speak.
    pub(crate) down: Http,
    /// What the gateway speaks to the origin; none: nothing has passed yet.
    pub(crate) up: Option<Http>,
    /// How long the gateway waits for the origin's reply, where that is known.
    pub(crate) reply_timeout: Option<Duration>,
    /// Whether its processes can be stopped for a moment.
    pub(crate) can_freeze: bool,
}

impl Fit {
    /// What a scenario needs and does not have; none if it can be run.
    pub(crate) fn lacks(&self, scenario: &Scenario) -> Option<&'static str> {
        if scenario.needs_gateway_timeout() && self.reply_timeout.is_none() {
            return Some("the gateway's reply timeout is not known; give it with --gateway-timeout");
        }
        let of_clients = scenario.head.down.and_then(|needed| self.lacks_clients(needed));
        let of_origin = scenario.head.up.and_then(|needed| self.lacks_origin(needed));
        let unstoppable = || {
            (scenario.needs_freezing() && !self.can_freeze).then_some(
                "the gateway's process must be stopped for it, and crosswire has started none; use --recipe or --command",
            )
        };
        of_clients.or(of_origin).or_else(unstoppable)
    }

    /// What a kept plan needs and does not have. It knows no more than what is spoken: everything else that it had was
    /// there when it failed.
    pub(crate) fn lacks_for(&self, plan: &Plan) -> Option<&'static str> {
        let of_origin = || plan.scenario.up.and_then(|needed| self.lacks_origin(needed));
        self.lacks_clients(plan.down).or_else(of_origin)
    }

    fn lacks_clients(&self, needed: Http) -> Option<&'static str> {
        match needed {
            _ if needed == self.down => None,
            Http::H1 => Some("it is about HTTP/1.1 clients; run it without --protocol"),
            Http::H2 => Some("it is about HTTP/2 clients; run it with --protocol h2c"),
        }
    }

    fn lacks_origin(&self, needed: Http) -> Option<&'static str> {
        match needed {
            _ if self.up.is_none_or(|up| up == needed) => None,
            Http::H1 => Some("it is about gateways that speak HTTP/1.1 to the origin, and this one speaks HTTP/2"),
            Http::H2 => Some("it is about gateways that speak HTTP/2 to the origin, and this one speaks HTTP/1.1"),
        }
    }
}

#[cfg(test)]
mod tests {
    use scenarios::{DrawContext, catalogue};
    use vocabulary::identity::CaseNumber;

    use super::*;

    const PLAIN: Fit = Fit { down: Http::H1, up: Some(Http::H1), reply_timeout: None, can_freeze: false };

    fn lacks(fit: Fit, name: &str) -> Option<&'static str> {
        fit.lacks(catalogue().find(name).unwrap())
    }

    #[test]
    fn what_a_scenario_needs_is_told_and_what_it_has_is_not() {
        assert_eq!(lacks(PLAIN, "plain-concurrency"), None);
        let timeout = Fit { reply_timeout: Some(Duration::from_secs(1)), ..PLAIN };
        assert!(lacks(PLAIN, "gateway-timeout-late-response").unwrap().contains("--gateway-timeout"));
        assert_eq!(lacks(timeout, "gateway-timeout-late-response"), None);
        assert!(lacks(PLAIN, "surplus-frozen").unwrap().contains("must be stopped"));
        assert_eq!(lacks(Fit { can_freeze: true, ..PLAIN }, "surplus-frozen"), None);
    }

    #[test]
    fn what_is_spoken_to_the_origin_is_no_reason_before_it_is_known() {
        for (needed, other) in [(Http::H1, Http::H2), (Http::H2, Http::H1)] {
            let scenario = catalogue().all().iter().find(|scenario| scenario.head.up == Some(needed)).unwrap();
            let fit = Fit { down: scenario.head.down.unwrap_or_default(), up: None, can_freeze: true, ..PLAIN };
            let fit = Fit { reply_timeout: Some(Duration::from_secs(1)), ..fit };
            assert!(Fit { up: Some(other), ..fit }.lacks(scenario).unwrap().contains("to the origin"));
            assert_eq!(fit.lacks(scenario), None);
        }
    }

    #[test]
    fn a_kept_plan_is_for_the_clients_that_it_was_found_with() {
        let scenario = catalogue().find("plain-concurrency").unwrap();
        let plan = |down| scenario.plan(1, CaseNumber(0), &DrawContext { down, ..DrawContext::default() });
        assert_eq!(PLAIN.lacks_for(&plan(Http::H1)), None);
        assert!(PLAIN.lacks_for(&plan(Http::H2)).unwrap().contains("HTTP/2 clients"));
    }
}
