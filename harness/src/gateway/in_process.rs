//! A gateway in this process: a thread of its own, so that the caller's runtime may be any or none.
//!
//! One that is a future has a runtime there and is dropped. One that is a function cannot be dropped: its listener is
//! shut down. In both cases the port refuses when [`GatewayThread`] is dropped, and dropping never waits for long.

use std::any::Any;
use std::convert::Infallible;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;

use rustix::net::Shutdown;
use tokio::sync::oneshot;
use vocabulary::limits::STOP_WAIT;

/// What serves until it is dropped.
type Serving = Pin<Box<dyn Future<Output = ()>>>;

/// How a gateway in this process serves on a listener and forwards to the origin.
#[derive(Clone)]
pub(super) enum Serve {
    Future(Arc<dyn Fn(TcpListener, SocketAddr) -> Serving + Send + Sync>),
    Function(Arc<dyn Fn(TcpListener, SocketAddr) + Send + Sync>),
}

impl Serve {
    pub(super) fn future<F, Fut>(serve: F) -> Serve
    where
        F: Fn(TcpListener, SocketAddr) -> Fut + Send + Sync + 'static,
        Fut: Future + 'static,
    {
        let serve = Arc::new(serve);
        Serve::Future(Arc::new(move |listener, origin| {
            let serve = Arc::clone(&serve);
            Box::pin(async move {
                serve(listener, origin).await;
            })
        }))
    }

    pub(super) fn blocking<F, R>(serve: F) -> Serve
    where
        F: Fn(TcpListener, SocketAddr) -> R + Send + Sync + 'static,
    {
        Serve::Function(Arc::new(move |listener, origin| drop(serve(listener, origin))))
    }

    /// Serves on this thread until it is asked to end.
    fn run(&self, listener: TcpListener, origin: SocketAddr, stopped: oneshot::Receiver<()>) -> std::io::Result<()> {
        match self {
            Serve::Function(serve) => serve(listener, origin),
            Serve::Future(serve) => {
                listener.set_nonblocking(true)?;
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                tokio::task::LocalSet::new().block_on(&runtime, async move {
                    let gateway = serve(listener, origin);
                    tokio::select! {
                        biased;
                        () = gateway => {}
                        _ = stopped => {}
                    }
                });
                // What it has given to threads that block is not waited for any longer.
                runtime.shutdown_timeout(STOP_WAIT / 3);
            }
        }
        Ok(())
    }
}

/// The thread of a gateway. Dropping it ends the gateway: its port refuses then.
#[derive(Debug)]
pub(super) struct GatewayThread {
    /// Drops a future. A function hears only that its listener is gone.
    stop: Option<oneshot::Sender<()>>,
    /// The gateway's listener once more: whoever still holds it then, it can be shut down.
    listener: TcpListener,
    /// Is disconnected when the thread ends. Nothing is ever sent.
    ended: mpsc::Receiver<Infallible>,
    thread: Option<JoinHandle<std::io::Result<()>>>,
    death: Option<String>,
}

impl GatewayThread {
    /// Starts a fresh gateway on a port of the kernel's choice.
    pub(super) fn start(serve: &Serve, origin: SocketAddr) -> std::io::Result<(SocketAddr, GatewayThread)> {
        let listener = TcpListener::bind((IpAddr::V4(Ipv4Addr::LOCALHOST), 0))?;
        let (addr, served) = (listener.local_addr()?, listener.try_clone()?);
        let (stop, stopped) = oneshot::channel();
        let stop = matches!(serve, Serve::Future(_)).then_some(stop);
        let serve = serve.clone();
        let (alive, ended) = mpsc::channel();
        let thread = std::thread::Builder::new().name("crosswire-gateway".to_owned()).spawn(move || {
            let _alive = alive;
            serve.run(served, origin, stopped)
        })?;
        Ok((addr, GatewayThread { stop, listener, ended, thread: Some(thread), death: None }))
    }

    /// How it ended, if it has ended by itself.
    pub(super) fn death(&mut self) -> Option<String> {
        if let Some(thread) = self.thread.take_if(|thread| thread.is_finished()) {
            self.death = Some(match thread.join() {
                Ok(Ok(())) => "it returned; a gateway serves until it is ended".to_owned(),
                Ok(Err(error)) => format!("its runtime could not be started: {error}"),
                Err(panic) => format!("it panicked: {}", message(panic.as_ref())),
            });
        }
        self.death.clone()
    }

    fn shut_down(&self) {
        // It may be closed already, which is as good.
        let _ = rustix::net::shutdown(&self.listener, Shutdown::Both);
    }
}

impl Drop for GatewayThread {
    fn drop(&mut self) {
        let Some(thread) = self.thread.take() else { return self.shut_down() };
        match self.stop.take() {
            Some(stop) => drop(stop),
            None => self.shut_down(),
        }
        match self.ended.recv_timeout(STOP_WAIT) {
            // A gateway that panicked has been reported as dead already; there is nothing to add.
            Err(RecvTimeoutError::Disconnected) => drop(thread.join()),
            Err(RecvTimeoutError::Timeout) => tracing::warn!("the gateway in this process does not end; it is left"),
            Ok(never) => match never {},
        }
        self.shut_down();
    }
}

/// What a panic said.
fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;
    use std::sync::Mutex;
    use std::time::{Duration, Instant};

    use super::*;

    const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9);

    fn start(serve: &Serve) -> (SocketAddr, GatewayThread) {
        GatewayThread::start(serve, NOWHERE).unwrap()
    }

    fn refuses(addr: SocketAddr) -> bool {
        TcpStream::connect(addr).is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused)
    }

    fn death(thread: &mut GatewayThread) -> String {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            if let Some(death) = thread.death() {
                return death;
            }
            assert!(Instant::now() < deadline, "it did not end in 10 s");
            std::thread::yield_now();
        }
    }

    #[test]
    fn the_port_of_a_future_refuses_when_drop_returns() {
        let (addr, mut thread) = start(&Serve::future(|listener, _| async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(async move { stream.readable().await });
            }
        }));
        assert!(!refuses(addr));
        assert_eq!(thread.death(), None);
        drop(thread);
        assert!(refuses(addr));
    }

    #[test]
    fn the_port_refuses_though_somebody_else_holds_the_listener() {
        let held = Arc::new(Mutex::new(None));
        let holder = Arc::clone(&held);
        let (addr, thread) = start(&Serve::future(move |listener, _| {
            *holder.lock().unwrap() = Some(listener);
            std::future::pending::<()>()
        }));
        assert!(!refuses(addr));
        drop(thread);
        assert!(held.lock().unwrap().is_some() && refuses(addr));
    }

    #[test]
    fn a_function_returns_because_its_listener_is_gone() {
        let (addr, mut thread) = start(&Serve::blocking(|listener, _| while listener.accept().is_ok() {}));
        assert!(!refuses(addr));
        assert_eq!(thread.death(), None);
        drop(thread);
        assert!(refuses(addr));
    }

    #[test]
    fn a_function_that_never_returns_is_left_and_its_port_refuses() {
        let (forever, ended) = mpsc::channel::<()>();
        let ended = Mutex::new(ended);
        let (addr, thread) =
            start(&Serve::blocking(move |_listener, _| ended.lock().map(|ended| ended.recv()).is_ok()));
        drop(thread);
        assert!(refuses(addr));
        drop(forever);
    }

    #[test]
    fn a_death_says_whether_it_returned_or_what_its_panic_said() {
        let (_, mut returned) = start(&Serve::future(|_, _| async {}));
        assert_eq!(death(&mut returned), "it returned; a gateway serves until it is ended");
        let (_, mut panicked) = start(&Serve::blocking(|_, origin| panic!("nobody at {origin}")));
        assert_eq!(death(&mut panicked), "it panicked: nobody at 127.0.0.1:9");
        assert_eq!(death(&mut panicked), "it panicked: nobody at 127.0.0.1:9", "asked again");
    }
}
