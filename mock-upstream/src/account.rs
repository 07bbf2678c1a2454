//! What is reported of a program while it is performed: each delivery once, each fault once, whatever happens.

use vocabulary::directive::FaultKind;
use vocabulary::history::{DeliveryKind, Fault, Observation, Performed, Replied};
use vocabulary::identity::{Attempt, DeliveryId, ExchangeId, Moment};
use vocabulary::plan::EventKind;

use crate::behavior::{Delivery, Mark, Program};
use crate::perform::Place;
use crate::turn::Body;

/// The reports that a program still owes. A stranger's program has neither deliveries nor faults and owes none.
pub(crate) struct Account<'a, P> {
    place: &'a P,
    exchange: ExchangeId,
    attempt: Attempt,
    early: bool,
    deliveries: Vec<Open>,
    /// None once it is reported.
    faults: Vec<Option<FaultKind>>,
}

/// A delivery that is not reported yet.
struct Open {
    delivery: Option<Delivery>,
    /// When its first byte was handed to the kernel, and its last until now.
    written: Option<(Moment, Moment)>,
    performed: Performed,
}

impl<'a, P: Place> Account<'a, P> {
    pub(crate) fn of(program: &mut Program<P::Medium>, place: &'a P) -> Account<'a, P> {
        let (exchange, attempt) = place.turn().answers.get().unwrap_or((ExchangeId(0), Attempt(1)));
        let open = |delivery| Open { delivery: Some(delivery), written: None, performed: Performed::Fully };
        let deliveries = std::mem::take(&mut program.deliveries).into_iter().map(open).collect();
        let faults = std::mem::take(&mut program.faults).into_iter().map(Some).collect();
        Account { place, exchange, attempt, early: program.early, deliveries, faults }
    }

    /// A write is handed to the kernel.
    pub(crate) fn begin(&mut self, marks: &[Mark], at: Moment) {
        for mark in marks {
            if let Mark::Begins(delivery) = mark {
                self.deliveries[*delivery].written = Some((at, at));
            }
        }
    }

    /// The kernel has taken a write, in one piece or in several.
    pub(crate) fn took(&mut self, marks: &[Mark], in_one: bool, at: Moment) {
        let performed = self.performed_by_now();
        for open in self.deliveries.iter_mut().filter(|open| open.delivery.is_some()) {
            if let Some((_, last)) = &mut open.written {
                *last = at;
                open.performed = performed;
            }
        }
        if !in_one {
            for mark in marks {
                if let Mark::Begins(delivery) = mark
                    && let Some(delivery) = &mut self.deliveries[*delivery].delivery
                {
                    delivery.same_write_as = None;
                }
            }
        }
        self.settle(marks, None);
    }

    /// Reports what the marks stand for.
    pub(crate) fn settle(&mut self, marks: &[Mark], acknowledged_at: Option<Moment>) {
        let performed = self.performed_by_now();
        for mark in marks {
            match *mark {
                Mark::Begins(_) => {}
                Mark::Ends(delivery) => self.replied(delivery, acknowledged_at),
                Mark::Performs(fault) => self.fault(fault, performed),
                Mark::PerformsEarly(fault) => match self.place.turn().body.get() {
                    Body::Coming => self.fault(fault, performed),
                    // The gateway had sent everything before the reply came: nothing was early.
                    Body::Arrived | Body::Read | Body::Unreadable(_) => self.fault(fault, Performed::Expired),
                },
                Mark::Happens(kind) => {
                    if kind == EventKind::FinalWritten {
                        self.place.turn().final_written.set(true);
                        self.place.final_is_written();
                    }
                    let office = self.place.office();
                    office.happened(self.exchange, kind, office.now());
                }
            }
        }
    }

    /// Reports what became of a fault.
    pub(crate) fn fault(&mut self, fault: usize, performed: Performed) {
        if let Some(kind) = self.faults[fault].take() {
            let (office, exchange) = (self.place.office(), self.exchange);
            let (connection, at) = (Some(self.place.turn().connection), office.now());
            office.report(Observation::Fault(Fault { exchange, kind, performed, connection, at }));
        }
    }

    /// Reports everything that was begun and not ended, and every fault that was not performed.
    pub(crate) fn give_up(&mut self, performed: Performed) {
        for index in 0..self.deliveries.len() {
            if self.deliveries[index].written.is_some() {
                self.deliveries[index].performed = performed;
                self.replied(index, None);
            }
        }
        for fault in 0..self.faults.len() {
            self.fault(fault, performed);
        }
    }

    /// How anything that is done now is to be reported.
    pub(crate) fn performed_by_now(&self) -> Performed {
        match self.place.gateway_has_gone() {
            true => Performed::PeerClosedFirst,
            false => Performed::Fully,
        }
    }

    fn replied(&mut self, index: usize, acknowledged_at: Option<Moment>) {
        let open = &mut self.deliveries[index];
        let Some(delivery) = open.delivery.take() else { return };
        let (office, turn) = (self.place.office(), self.place.turn());
        let (at, done_at) = open.written.unwrap_or_else(|| (office.now(), office.now()));
        if self.early {
            turn.report_seen(office);
        }
        if delivery.kind == DeliveryKind::Owed {
            turn.leave(office);
        }
        let exchange = self.exchange;
        office.report(Observation::Replied(Replied {
            delivery: DeliveryId { exchange, number: delivery.number },
            attempt: self.attempt,
            kind: delivery.kind,
            status: delivery.status,
            connection: turn.connection,
            ordinal: turn.ordinal,
            stream: turn.stream,
            at,
            done_at,
            performed: open.performed,
            body_bytes: delivery.body_bytes,
            cut: delivery.cut,
            same_write_as: delivery.same_write_as.map(|number| DeliveryId { exchange, number }),
            acknowledged_at,
            head: delivery.head,
        }));
    }
}
