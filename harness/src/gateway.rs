//! The gateway under test: what it is, how it is started, reached and ended.
//!
//! Five ways: a closure in this process, over TCP or in a simulation, a command, a recipe (a command with its
//! configuration), or a URL of one that already runs. Starting gives a [`Running`] gateway; dropping that ends whatever
//! was started, the whole process group.

mod freezer;
mod in_process;
mod process;
mod recipe;
mod secure;
mod simulated;

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use transport::{Address, Listener};
use vocabulary::crossing::Http;
use vocabulary::directive::Field;
use vocabulary::limits::READY_WAIT;
use vocabulary::record::GatewayRecord;

use crate::client::{ConnectionNumbers, CookieJar, Target};
use crate::fit::Fit;
pub(crate) use freezer::{Freezer, Frozen};
use in_process::{GatewayThread, Serve};
use process::ProcessGroup;
pub use recipe::{Recipe, RecipeError, Variant};
pub(crate) use secure::{agreed, speaking};
use simulated::GatewayTask;

/// A gateway on a simulated network: it serves on the listener and forwards to the origin until it is dropped.
type ServeSimulated = Arc<dyn Fn(Listener, Address) -> Pin<Box<dyn Future<Output = ()>>> + Send + Sync>;

/// A gateway to be tested.
#[derive(Clone)]
pub struct Gateway {
    kind: Kind,
    label: GatewayRecord,
    /// The name or address by which it is asked for over TLS, if it speaks TLS with its clients.
    tls: Option<String>,
    /// What its recipe sends with every request.
    fields: Vec<Field>,
    /// What the user sends with every request: credentials, more often than not.
    given: Vec<Field>,
    authority: Option<String>,
    base_path: String,
    reply_timeout: Option<Duration>,
    /// How long it may take to become ready, where somebody says.
    ready_within: Option<Duration>,
}

#[derive(Clone)]
enum Kind {
    InProcess(Serve),
    Simulated { seed: u64, serve: ServeSimulated },
    Command { program: String, arguments: Vec<String>, variant: String },
    Recipe { recipe: Box<Recipe>, variant: String },
    Url(SocketAddr),
}

/// Why a gateway cannot be tested.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The URL cannot be used.
    #[error(
        "read the gateway's URL {url:?}: {reason}; write it like http://127.0.0.1:8080, https://127.0.0.1:8443 or http://host:8080/base"
    )]
    Url {
        /// As given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The recipe cannot be used.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// A program is missing.
    #[error("start {gateway}: the program {program:?} is not on this machine{}", install.as_ref().map(|line| format!("; install it: {line}")).unwrap_or_default())]
    MissingProgram {
        /// Which gateway.
        gateway: String,
        /// Which program.
        program: String,
        /// How to install it, where the recipe says so.
        install: Option<String>,
    },
    /// The process could not be started.
    #[error("start {gateway}: {source}")]
    Start {
        /// Which gateway.
        gateway: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// It speaks TLS, and not the version of HTTP that it is asked for.
    #[error("speak {asked} with {gateway}: {reason}; choose what it speaks, or let it offer {asked}")]
    NotAgreed {
        /// Which gateway.
        gateway: String,
        /// What was asked for.
        asked: Http,
        /// What was agreed on instead.
        reason: String,
    },
    /// Its files could not be written.
    #[error("prepare the work folder {}: {source}; is the disk full, or the folder not writable?", folder.display())]
    WorkFolder {
        /// Which folder.
        folder: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl Gateway {
    fn of(kind: Kind, label: GatewayRecord) -> Gateway {
        Gateway {
            kind,
            label,
            tls: None,
            fields: Vec::new(),
            given: Vec::new(),
            authority: None,
            base_path: String::new(),
            reply_timeout: None,
            ready_within: None,
        }
    }

    /// A gateway in this process: a future that serves on the listener and forwards to the origin.
    ///
    /// The closure is called once for each fresh gateway, on a thread and a single-threaded tokio runtime of its own; the
    /// listener is non-blocking already, as tokio's `from_std` wants it. The future is dropped when the gateway is to
    /// end, and with it all tasks that it has spawned; before that it should not return.
    ///
    /// ```no_run
    /// use crosswire::Gateway;
    ///
    /// # async fn serve(_: tokio::net::TcpListener, _: std::net::SocketAddr) {}
    /// let gateway = Gateway::in_process(async |listener, origin| {
    ///     let listener = tokio::net::TcpListener::from_std(listener).expect("it is non-blocking");
    ///     serve(listener, origin).await;
    /// });
    /// # drop(gateway);
    /// ```
    pub fn in_process<F, Fut>(serve: F) -> Gateway
    where
        F: Fn(TcpListener, SocketAddr) -> Fut + Send + Sync + 'static,
        Fut: Future + 'static,
    {
        Gateway::of(Kind::InProcess(Serve::future(serve)), named("in-process"))
    }

    /// A gateway in this process whose serve function blocks: one that has threads or a runtime of its own.
    ///
    /// The closure is called once for each fresh gateway, on a thread of its own, with a blocking listener. A function
    /// cannot be dropped: when the gateway is to end, its listener is shut down, so that `accept` fails, and the function
    /// should return. One that has not returned after three seconds is left behind; its port refuses all the same.
    ///
    /// ```no_run
    /// use crosswire::Gateway;
    ///
    /// # fn forward(_: std::net::TcpStream, _: std::net::SocketAddr) {}
    /// let gateway = Gateway::in_process_blocking(|listener, origin| {
    ///     while let Ok((client, _)) = listener.accept() {
    ///         std::thread::spawn(move || forward(client, origin));
    ///     }
    /// });
    /// # drop(gateway);
    /// ```
    pub fn in_process_blocking<F, R>(serve: F) -> Gateway
    where
        F: Fn(TcpListener, SocketAddr) -> R + Send + Sync + 'static,
    {
        Gateway::of(Kind::InProcess(Serve::blocking(serve)), named("in-process"))
    }

    /// A gateway in a simulation: clients, gateway and origin are tasks of one thread, on a network that exists only in
    /// memory, in time that passes only while everybody waits. A case takes a millisecond or two, and everything that
    /// happens follows from the run's seed and this one, which decides how long each segment is on its way.
    ///
    /// The closure is called once for each fresh gateway, within a tokio `LocalSet` of a single-threaded runtime that has
    /// timers and no sockets. The future is dropped when the gateway is to end, and should take all its tasks with it. A
    /// run is the same again only if the gateway leaves nothing to chance: no `select!` without `biased`, no iteration
    /// over a `HashMap`, no time but tokio's.
    ///
    /// ```no_run
    /// use crosswire::{Gateway, transport};
    ///
    /// # async fn serve(_: transport::Listener, _: transport::Address) {}
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let gateway = Gateway::simulated(7, |listener, origin| serve(listener, origin));
    /// crosswire::builder().gateway(gateway).cases(100).seed(1).run_blocking()?.assert_isolated();
    /// # Ok(())
    /// # }
    /// ```
    pub fn simulated<F, Fut>(seed: u64, serve: F) -> Gateway
    where
        F: Fn(Listener, Address) -> Fut + Send + Sync + 'static,
        Fut: Future + 'static,
    {
        let serve = Arc::new(serve);
        let boxed: ServeSimulated = Arc::new(move |listener, origin| {
            let serve = Arc::clone(&serve);
            Box::pin(async move {
                serve(listener, origin).await;
            })
        });
        Gateway::of(Kind::Simulated { seed, serve: boxed }, named("simulated"))
    }

    /// A gateway that is started by a shell command. It gets `LISTEN_PORT`, `UPSTREAM_PORT`, `WORKDIR` and `VARIANT` in
    /// its environment, listens on 127.0.0.1 and stays in the foreground. Its whole process group is ended.
    ///
    /// ```no_run
    /// use crosswire::Gateway;
    ///
    /// let gateway = Gateway::command("exec ./my-proxy --listen 127.0.0.1:$LISTEN_PORT --to 127.0.0.1:$UPSTREAM_PORT");
    /// # drop(gateway);
    /// ```
    pub fn command(command: &str) -> Gateway {
        let label = GatewayRecord { kind: "command".to_owned(), name: command.to_owned(), ..Default::default() };
        let arguments = vec!["-c".to_owned(), command.to_owned()];
        Gateway::of(Kind::Command { program: "sh".to_owned(), arguments, variant: String::new() }, label)
    }

    /// A gateway that already runs, and already forwards to the address that
    /// [`Builder::origin_listen`](crate::Builder::origin_listen) is told.
    ///
    /// ```no_run
    /// use crosswire::Gateway;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let gateway = Gateway::url("http://127.0.0.1:8080/base")?;
    /// let origin = "127.0.0.1:9000".parse()?;
    /// crosswire::builder().gateway(gateway).origin_listen(origin).run_blocking()?.assert_isolated();
    /// # Ok(())
    /// # }
    /// ```
    pub fn url(url: &str) -> Result<Gateway, GatewayError> {
        let shown = without_secrets(url);
        let error = |reason: &str| GatewayError::Url { url: shown.clone(), reason: reason.to_owned() };
        let (rest, port, is_tls) = match (url.strip_prefix("http://"), url.strip_prefix("https://")) {
            (Some(rest), _) => (rest, 80, false),
            (None, Some(rest)) => (rest, 443, true),
            (None, None) => return Err(error("it begins neither with http:// nor with https://")),
        };
        if shown != url {
            return Err(error(
                "it has a user name or a query, which would stand in every report; give a credential with --header, like \
                 'Authorization: Basic …', and its value is shown nowhere",
            ));
        }
        let (authority, path) = rest.split_once('/').map_or((rest, ""), |(authority, path)| (authority, path));
        let with_port = if authority.contains(':') { authority.to_owned() } else { format!("{authority}:{port}") };
        let mut addresses = with_port.to_socket_addrs().map_err(|failure| error(&failure.to_string()))?;
        let addr = addresses.next().ok_or_else(|| error("its host has no address"))?;
        let label = GatewayRecord { kind: "url".to_owned(), name: url.to_owned(), ..Default::default() };
        let mut gateway = Gateway::of(Kind::Url(addr), label);
        gateway.authority = Some(authority.to_owned());
        let host = with_port.rsplit_once(':').map_or(authority, |(host, _)| host).trim_matches(['[', ']']);
        gateway.tls = is_tls.then(|| host.to_owned());
        gateway.base_path = if path.is_empty() { String::new() } else { format!("/{}", path.trim_end_matches('/')) };
        Ok(gateway)
    }

    /// A gateway from a recipe: a folder that says how a product is configured and started. `variant` is one of the
    /// recipe's; none is its first.
    ///
    /// ```no_run
    /// use crosswire::{Gateway, Recipe};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let gateway = Gateway::recipe(Recipe::find("haproxy")?, None)?;
    /// crosswire::builder().gateway(gateway).run_blocking()?.assert_isolated();
    /// # Ok(())
    /// # }
    /// ```
    pub fn recipe(recipe: Recipe, variant: Option<&str>) -> Result<Gateway, GatewayError> {
        let variant = recipe.variant(variant)?.to_owned();
        let label = GatewayRecord {
            kind: "recipe".to_owned(),
            name: recipe.name().to_owned(),
            version: recipe.installed_version(),
            variant: Some(variant.clone()),
        };
        let (reply_timeout, base_path) = (recipe.reply_timeout(&variant), recipe.base_path().to_owned());
        let fields = recipe.fields();
        let is_tls = recipe.described(&variant).is_some_and(|variant| variant.tls);
        let mut gateway = Gateway::of(Kind::Recipe { recipe: Box::new(recipe), variant }, label);
        (gateway.reply_timeout, gateway.base_path, gateway.fields) = (reply_timeout, base_path, fields);
        Ok(if is_tls { gateway.over_tls() } else { gateway })
    }

    /// The same gateway under another name in records: the specimens are closures, but people know them as recipes.
    pub fn labelled(mut self, kind: &str, name: &str) -> Gateway {
        self.label = GatewayRecord { kind: kind.to_owned(), name: name.to_owned(), ..self.label };
        self
    }

    /// Says that the gateway speaks TLS with its clients; of a URL and of a recipe that is known. Whatever certificate it
    /// shows is taken. HTTP/2 has to be agreed on then (ALPN, RFC 9113 §3.2).
    pub fn over_tls(mut self) -> Gateway {
        self.tls = Some(Ipv4Addr::LOCALHOST.to_string());
        self
    }

    /// Adds a field to every request. Its value is taken for a secret: it stands in no journal, record, report or message.
    pub fn header(mut self, name: &str, value: &str) -> Gateway {
        self.given.push(Field { name: name.to_owned(), value: value.to_owned() });
        self
    }

    /// Sends this `Host` in place of the gateway's address.
    pub fn host(mut self, authority: &str) -> Gateway {
        self.authority = Some(authority.to_owned());
        self
    }

    /// Tells how long the gateway waits for the origin's reply.
    pub fn reply_timeout(mut self, timeout: Duration) -> Gateway {
        self.reply_timeout = Some(timeout);
        self
    }

    /// How long the gateway may take until a canary comes back through it. Where nobody says, what its recipe says, or 20 s.
    pub fn ready_within(mut self, wait: Duration) -> Gateway {
        self.ready_within = Some(wait);
        self
    }

    /// The same where nobody has said so, and if that is less than it would have.
    pub(crate) fn ready_sooner(self, wait: Duration) -> Gateway {
        match self.ready_within {
            Some(_) => self,
            None => {
                let wait = self.ready_wait().min(wait);
                self.ready_within(wait)
            }
        }
    }

    /// How the gateway appears in records.
    pub fn label(&self) -> &GatewayRecord {
        &self.label
    }

    /// How long the gateway waits for the origin's reply, where that is known.
    pub fn known_reply_timeout(&self) -> Option<Duration> {
        self.reply_timeout
    }

    /// Whether it speaks TLS with its clients.
    pub fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// What its clients speak: what is asked for, else what it speaks first. A recipe knows what its variants speak; of
    /// any other gateway only the user does.
    pub fn down(&self, asked: Option<Http>) -> Result<Http, GatewayError> {
        match &self.kind {
            Kind::Recipe { recipe, variant } => Ok(recipe.down(variant, asked)?),
            Kind::InProcess(_) | Kind::Simulated { .. } | Kind::Command { .. } | Kind::Url(_) => {
                Ok(asked.unwrap_or_default())
            }
        }
    }

    /// The arguments of the command line that name this gateway; none for one that only a program of the user's knows.
    pub fn arguments(&self) -> Option<String> {
        let mut arguments = match self.kind {
            Kind::Url(_) => format!("--gateway {}", self.label.name),
            // No command line simulates: under its label it would be another run.
            Kind::Simulated { .. } => return None,
            Kind::InProcess(_) | Kind::Command { .. } | Kind::Recipe { .. } => arguments_of(&self.label)?,
        };
        if self.is_tls() && matches!(self.kind, Kind::Command { .. }) {
            arguments.push_str(" --tls");
        }
        for Field { name, .. } in &self.given {
            // The value is nobody's to read: whoever runs the command has it in a variable.
            let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
            let variable: String = name.chars().map(letter).collect();
            arguments.push_str(&format!(" --header {}\"${variable}\"", quoted(&format!("{name}:"))));
        }
        Some(arguments)
    }

    /// The fields that the user sends with every request.
    pub(crate) fn given_fields(&self) -> &[Field] {
        &self.given
    }

    /// Whether crosswire starts the gateway, and so can start a fresh one.
    pub(crate) fn can_be_fresh(&self) -> bool {
        !matches!(self.kind, Kind::Url(_))
    }

    /// Whether its processes can be stopped: only those that crosswire has started.
    pub(crate) fn can_be_frozen(&self) -> bool {
        matches!(self.kind, Kind::Command { .. } | Kind::Recipe { .. })
    }

    /// What is known of what scenarios may need, before anything has passed through it.
    pub(crate) fn fit(&self, down: Http) -> Fit {
        Fit { down, up: None, reply_timeout: self.reply_timeout, can_freeze: self.can_be_frozen() }
    }

    /// How long it may take to become ready.
    pub(crate) fn ready_wait(&self) -> Duration {
        self.ready_within.unwrap_or_else(|| match &self.kind {
            Kind::Recipe { recipe, .. } => recipe.ready_wait(),
            Kind::InProcess(_) | Kind::Simulated { .. } | Kind::Command { .. } | Kind::Url(_) => READY_WAIT,
        })
    }

    /// The seed of the simulation in which the gateway runs, if it runs in one.
    pub(crate) fn simulation_seed(&self) -> Option<u64> {
        match self.kind {
            Kind::Simulated { seed, .. } => Some(seed),
            Kind::InProcess(_) | Kind::Command { .. } | Kind::Recipe { .. } | Kind::Url(_) => None,
        }
    }

    /// Starts the gateway in front of the origin. It may not be ready yet when this returns.
    pub(crate) fn start(&self, origin: &Address, work: &Path) -> Result<Running, GatewayError> {
        // The start contract promises a folder that is valid from anywhere.
        let work = &std::path::absolute(work)
            .map_err(|source| GatewayError::WorkFolder { folder: work.to_owned(), source })?;
        match &self.kind {
            Kind::Url(addr) => self.running((*addr).into(), Life::Elsewhere),
            Kind::Simulated { serve, .. } => {
                let started = GatewayTask::start(serve, origin).map_err(|source| self.start_error(source))?;
                let (address, task) = started;
                self.running(address, Life::Task(task))
            }
            Kind::InProcess(serve) => {
                let started = GatewayThread::start(serve, origin.socket_addr());
                let (addr, thread) = started.map_err(|source| self.start_error(source))?;
                self.running(addr.into(), Life::Thread(thread))
            }
            Kind::Command { program, arguments, variant } => {
                let command = process::Command { program: PathBuf::from(program), arguments: arguments.clone() };
                self.start_process(&command, origin, work, variant)
            }
            Kind::Recipe { recipe, variant } => {
                recipe.require_programs(variant)?;
                let folder = recipe.lay_out(work)?;
                let command = process::Command { program: folder.join(recipe.start()), arguments: Vec::new() };
                self.start_process(&command, origin, work, variant)
            }
        }
    }

    fn start_process(
        &self,
        command: &process::Command,
        origin: &Address,
        work: &Path,
        variant: &str,
    ) -> Result<Running, GatewayError> {
        std::fs::create_dir_all(work).map_err(|source| GatewayError::WorkFolder { folder: work.to_owned(), source })?;
        let addr = free_port().map_err(|source| self.start_error(source))?;
        let environment = [
            ("LISTEN_PORT", addr.port().to_string()),
            ("UPSTREAM_PORT", origin.socket_addr().port().to_string()),
            ("WORKDIR", work.display().to_string()),
            ("VARIANT", variant.to_owned()),
        ];
        let group = ProcessGroup::start(command, &environment, &work.join("gateway.log"));
        let group = group.map_err(|source| self.start_error(source))?;
        self.running(addr.into(), Life::Group(group))
    }

    fn start_error(&self, source: std::io::Error) -> GatewayError {
        GatewayError::Start { gateway: self.label.name.clone(), source }
    }

    fn running(&self, address: Address, life: Life) -> Result<Running, GatewayError> {
        let authority = self.authority.clone().unwrap_or_else(|| address.to_string());
        let (address, scheme) = match &self.tls {
            None => (address, "http"),
            Some(host) => (secure::secured(address, host).map_err(|source| self.start_error(source))?, "https"),
        };
        let target = Target {
            address,
            scheme,
            // A case says what it speaks.
            http: Http::H1,
            authority,
            base_path: self.base_path.clone(),
            extra_fields: self.fields.iter().chain(&self.given).cloned().collect(),
            connections: ConnectionNumbers::default(),
            cookies: CookieJar::default(),
            freezer: match &life {
                Life::Group(group) => group.freezer(),
                Life::Thread(_) | Life::Task(_) | Life::Elsewhere => Freezer::default(),
            },
        };
        Ok(Running { target, life })
    }
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway").field("label", &self.label).finish_non_exhaustive()
    }
}

/// The arguments of the command line that name the gateway of a record, as far as the record knows.
pub fn arguments_of(gateway: &GatewayRecord) -> Option<String> {
    let name = &gateway.name;
    match gateway.kind.as_str() {
        "recipe" => {
            let variant = gateway.variant.as_ref().map(|variant| format!(":{variant}"));
            Some(format!("--recipe {name}{}", variant.unwrap_or_default()))
        }
        "command" => Some(format!("--command {}", quoted(name))),
        "url" => Some(format!("--gateway {name} --origin-listen '<where it forwards to>'")),
        _ => None,
    }
}

/// The label of a gateway that has no name but its kind.
fn named(kind: &str) -> GatewayRecord {
    GatewayRecord { kind: kind.to_owned(), name: kind.to_owned(), ..Default::default() }
}

/// A URL as it may be shown: without user name and password, query and fragment. Whatever stands before an `@` may be a
/// password (RFC 3986 §3.2.1), also where it holds what must not stand in one.
fn without_secrets(url: &str) -> String {
    let (before, behind) = url.find(['?', '#']).map_or((url, ""), |at| url.split_at(at));
    let more = behind.chars().next().map(|sign| format!("{sign}…")).unwrap_or_default();
    let start = before.find("://").map_or(0, |at| at + "://".len());
    match url.rfind('@') {
        Some(at) if at >= before.len() => format!("{}…", &url[..start]),
        Some(at) => format!("{}…{}{more}", &before[..start], &before[at..]),
        None => format!("{before}{more}"),
    }
}

/// A word for a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// A port of 127.0.0.1 that the kernel has just found free. It is not held: the gateway has to bind it itself.
fn free_port() -> std::io::Result<SocketAddr> {
    TcpListener::bind((IpAddr::V4(Ipv4Addr::LOCALHOST), 0))?.local_addr()
}

/// A gateway that was started, or that runs elsewhere. Dropping it ends what was started.
#[derive(Debug)]
pub(crate) struct Running {
    target: Target,
    life: Life,
}

#[derive(Debug)]
enum Life {
    Thread(GatewayThread),
    Task(GatewayTask),
    Group(ProcessGroup),
    Elsewhere,
}

impl Running {
    /// Where and how to reach it.
    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    /// Ends its processes, if it has any: another one is to work in the same folder, and some refuse to beside the first.
    pub(crate) fn end_processes(&mut self) {
        if matches!(self.life, Life::Group(_)) {
            self.life = Life::Elsewhere;
        }
    }

    /// What it said and how it ended, if it has ended by itself.
    pub(crate) fn death(&mut self) -> Option<String> {
        match &mut self.life {
            Life::Thread(thread) => thread.death(),
            Life::Task(task) => task.has_ended().then(|| "its future returned or panicked".to_owned()),
            Life::Group(group) => group.death(),
            Life::Elsewhere => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_gives_address_authority_and_base_path() {
        let gateway = Gateway::url("http://127.0.0.1:8080/api/").unwrap();
        let origin = SocketAddr::from(([127, 0, 0, 1], 1));
        let running = gateway.start(&origin.into(), Path::new("unused")).unwrap();
        assert_eq!(running.target().address.socket_addr().port(), 8080);
        assert_eq!(
            (running.target().authority.as_str(), running.target().base_path.as_str()),
            ("127.0.0.1:8080", "/api")
        );
    }

    #[cfg(feature = "tls")]
    #[test]
    fn a_url_says_whether_there_is_tls_and_a_port_may_go_without_saying() {
        let origin = SocketAddr::from(([127, 0, 0, 1], 1));
        let read = |url: &str| {
            let running = Gateway::url(url).unwrap().start(&origin.into(), Path::new("unused")).unwrap();
            let Target { address, scheme, authority, .. } = running.target();
            (address.socket_addr().port(), address.tls().is_some(), *scheme, authority.clone())
        };
        assert_eq!(read("https://127.0.0.1"), (443, true, "https", "127.0.0.1".to_owned()));
        assert_eq!(read("https://localhost:8443/x"), (8443, true, "https", "localhost:8443".to_owned()));
        assert_eq!(read("https://[::1]:8443"), (8443, true, "https", "[::1]:8443".to_owned()));
        assert_eq!(read("http://127.0.0.1"), (80, false, "http", "127.0.0.1".to_owned()));
    }

    #[test]
    fn a_command_is_in_the_clear_unless_somebody_says_otherwise() {
        let arguments = |gateway: Gateway| (gateway.is_tls(), gateway.arguments().unwrap());
        assert_eq!(arguments(Gateway::command("mine")), (false, "--command 'mine'".to_owned()));
        assert_eq!(arguments(Gateway::command("mine").over_tls()), (true, "--command 'mine' --tls".to_owned()));
        let of_recipe = Gateway::recipe(Recipe::find("nginx").unwrap(), Some("h2tls")).unwrap();
        assert_eq!(arguments(of_recipe), (true, "--recipe nginx:h2tls".to_owned()));
    }

    #[cfg(feature = "tls")]
    #[tokio::test(start_paused = true)]
    async fn there_is_no_tls_in_a_simulation() {
        let simulated = Gateway::simulated(1, async |_, _| {}).over_tls();
        let begin = async {
            let origin = transport::Net::new(1).listen().unwrap().address().unwrap();
            simulated.start(&origin, Path::new("unused")).unwrap_err().to_string()
        };
        let error = tokio::task::LocalSet::new().run_until(begin).await;
        assert!(error.contains("no TLS in a simulation"), "{error}");
    }

    #[test]
    fn a_url_with_a_secret_is_refused_and_the_secret_is_not_shown() {
        for url in [
            "http://me:s3cret@127.0.0.1:8080",
            "https://me:s3c@ret@gw.test/base",
            "http://127.0.0.1:8080/?key=s3cret",
            "http://127.0.0.1:8080/a#s3cret",
            "http://me:s3c/ret@127.0.0.1:8080",
            "http://me:s3c?ret@127.0.0.1:8080",
            "http://127.0.0.1:8080/?key=a@s3cret",
            "me:s3cret@127.0.0.1:8080",
        ] {
            let error = Gateway::url(url).unwrap_err().to_string();
            assert!(!error.contains("s3c") && !error.contains("ret@") && error.contains('…'), "{error}");
        }
    }

    #[test]
    fn a_replay_command_has_the_names_of_given_fields_and_variables_for_their_values() {
        let gateway = Gateway::command("mine").header("X-Api-Key", "s3cret");
        assert_eq!(gateway.arguments().unwrap(), "--command 'mine' --header 'X-Api-Key:'\"$X_API_KEY\"");
    }

    #[test]
    fn a_url_that_cannot_be_used_says_how_to_write_one() {
        for url in ["127.0.0.1:8080", "ftp://127.0.0.1:8080", "http://127.0.0.1:http"] {
            let error = Gateway::url(url).unwrap_err().to_string();
            assert!(error.contains(url) && error.contains("http://127.0.0.1:8080"), "{error}");
        }
    }
}
