//! A gateway in this process: a thread and a runtime of its own, so that the caller's runtime may be any or none.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use super::Serve;

/// The thread of a gateway. Dropping it drops the gateway's future and waits for the thread.
#[derive(Debug)]
pub(super) struct GatewayThread {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl GatewayThread {
    /// Starts a fresh gateway on a port of the kernel's choice.
    pub(super) fn start(serve: Serve, origin: SocketAddr) -> std::io::Result<(SocketAddr, GatewayThread)> {
        let listener = TcpListener::bind((IpAddr::V4(Ipv4Addr::LOCALHOST), 0))?;
        listener.set_nonblocking(true)?;
        let addr = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name("crosswire-gateway".to_owned()).spawn(move || {
            let local = tokio::task::LocalSet::new();
            local.block_on(&runtime, async move {
                let gateway = serve(listener, origin);
                tokio::select! {
                    biased;
                    () = gateway => {}
                    _ = stopped => {}
                }
            });
        })?;
        Ok((addr, GatewayThread { stop: Some(stop), thread: Some(thread) }))
    }

    /// Whether the gateway's future has returned or panicked.
    pub(super) fn has_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

impl Drop for GatewayThread {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A gateway that panicked has been reported as dead already; there is nothing to add.
            drop(thread.join());
        }
    }
}
