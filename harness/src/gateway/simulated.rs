//! A gateway in a simulation: a task of the run's own thread.

use std::io;

use tokio::task::{JoinHandle, spawn_local};
use transport::Address;

use super::ServeSimulated;

/// The task of a gateway. Dropping it ends the task.
#[derive(Debug)]
pub(super) struct GatewayTask(JoinHandle<()>);

impl GatewayTask {
    /// Starts a fresh gateway on the origin's network.
    pub(super) fn start(serve: &ServeSimulated, origin: &Address) -> io::Result<(Address, GatewayTask)> {
        let net = origin.net().ok_or(io::ErrorKind::NetworkUnreachable)?;
        let listener = net.listen()?;
        let address = listener.address()?;
        Ok((address, GatewayTask(spawn_local(serve(listener, origin.clone())))))
    }

    /// Whether the gateway's future has returned or panicked.
    pub(super) fn has_ended(&self) -> bool {
        self.0.is_finished()
    }
}

impl Drop for GatewayTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}
