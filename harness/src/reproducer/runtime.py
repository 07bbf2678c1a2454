REPLY = re.compile(rb"reply-(\d+)-to-(e\d+)-of-tenant-(\d+)")
REQUEST = re.compile(rb"request-(e\d+)-of-tenant-(\d+)")
SECRET = re.compile(rb"secret-of-tenant-(\d+)")
RESET = struct.pack("ii", 1, 0)


def names(pattern, data):
    found = (match.groups() for match in pattern.finditer(data))
    return list(dict.fromkeys(tuple(word.decode() for word in words) for words in found))


def message_end(data, whose, closed=False):
    """Where the first message of these bytes ends (RFC 9112 section 6.3), or None if that has not come."""
    at = data.find(b"\r\n\r\n") + 4
    fields = data[:at].lower()
    if at < 4:
        return None
    if whose == "bodiless":
        return at
    if re.search(rb"\ntransfer-encoding:[^\r]*chunked", fields):
        while (line := data.find(b"\r\n", at)) >= 0:
            size = re.match(rb"[0-9a-fA-F]+", data[at:line])
            if size is None:
                return len(data) if closed else None
            if int(size[0], 16) == 0:
                end = data.find(b"\r\n\r\n", line)
                return end + 4 if end >= 0 else None
            at = line + 4 + int(size[0], 16)
        return len(data) if closed and whose == "reply" else None
    if length := re.search(rb"\ncontent-length: *(\d+)", fields):
        return at + int(length[1]) if len(data) >= at + int(length[1]) else None
    return at if whose == "request" else len(data) if closed else None


class Run:
    """What has happened in one run of the plan, at both ends."""

    def __init__(self, number):
        self.token, self.happened, self.attempts, self.received, self.odd = b"7%08d" % number, {}, {}, {}, []
        self.last, self.replies, self.failed = time.monotonic(), 0, None

    def tell(self, exchange, what):
        self.last = time.monotonic()
        self.happened.setdefault((exchange, what), self.last)

    def is_quiet(self):
        return time.monotonic() - self.last > 0.1

    def wait(self, ready, bound=2.0):
        end = time.monotonic() + bound
        while not ready() and time.monotonic() < end:
            time.sleep(0.001)


class End:
    """Our end of a connection."""

    def __init__(self, run, sock):
        self.run, self.sock, self.data, self.gone, self.pace = run, sock, b"", False, (65536, 0)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(5)

    def read_until(self, ready, bound=2.0):
        """Reads on until something is so, the peer has gone, or it takes too long."""
        end = time.monotonic() + bound
        while not ready() and time.monotonic() < end:
            try:
                if self.gone:
                    time.sleep(0.001)
                elif select.select([self.sock], [], [], 0.001)[0]:
                    more = self.sock.recv(self.pace[0])
                    self.data, self.gone = self.data + more, not more
                    time.sleep(self.pace[1])
            except (OSError, ValueError):  # the latter where it was closed by the end of the run
                self.gone = True

    def end(self, how):
        if how == "rst":
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        elif how == "half-close":
            return self.sock.shutdown(socket.SHUT_WR)
        else:
            self.sock.shutdown(socket.SHUT_RDWR)
        self.gone = True
        self.sock.close()


class Upstream(End):
    """The origin's end: answers one request after the other, each as planned."""

    def serve(self):
        try:
            while self.answer():
                pass
        except OSError:
            pass
        except Exception as error:  # an origin that fails proves nothing
            self.run.failed = error

    def size(self):
        return message_end(self.data, "request")

    def next_has_come(self):
        return self.gone or (self.size() is not None and len(self.data) > self.size())

    def answer(self):
        self.read_until(lambda: self.gone or b"\r\n\r\n" in self.data, 3600)
        head = self.data[: self.data.find(b"\r\n\r\n")]
        if not names(REQUEST, head):
            self.read_until(lambda: self.gone or self.size() is not None, 5)
        exchange = next((name for name, _ in names(REQUEST, head) or names(REQUEST, self.data)), None)
        if b"\r\n\r\n" not in self.data:
            return False
        attempt = self.run.attempts[exchange] = self.run.attempts.get(exchange, 0) + 1
        self.run.tell(exchange, "seen")
        conditional = re.search(rb"\nif-(none-match|modified-since):", head.lower())
        plans = [f"{exchange} conditional"] * bool(conditional) + [f"{exchange} again"] * (attempt > 1)
        steps = next((ORIGIN[plan] for plan in [*plans, exchange] if plan in ORIGIN), STRANGER)
        stays = all(self.perform(exchange, *step) for step in steps)
        # RFC 9112 section 9.3: the rest of the request is read before the next one.
        self.read_until(lambda: self.gone or self.size() is not None, 5)
        self.check(exchange, self.data[: self.size()])
        self.data = self.data[self.size() or len(self.data) :]
        return stays and not self.gone and not re.search(rb"\nconnection:[^\r]*close", head.lower())

    def check(self, exchange, text):
        if exchange in GHOSTS:
            self.run.odd.append(("ghost", f"{exchange}, spelled in the body of {GHOSTS[exchange]}, arrived as a request"))
        lawful = {exchange} | {name for name, speller in [*GHOSTS.items(), *TAILS.items()] if speller == exchange}
        for name, _ in names(REQUEST, text):
            if exchange and name not in lawful:
                self.run.odd.append(("request", f"{exchange} arrived with a part of the request {name}"))
        for (tenant,) in names(SECRET, text):
            if TENANTS.get(exchange, tenant) != tenant:
                self.run.odd.append(("request", f"{exchange} arrived with the credential of tenant {tenant}"))
        host = re.search(rb"\nhost: *([^\r]*)", text.lower())
        if exchange in HOSTS and host and host[1] in set(HOSTS.values()) - {HOSTS[exchange]}:
            self.run.odd.append(("request", f"{exchange} arrived as one for {host[1].decode()}"))

    def perform(self, exchange, act, *given):
        """One step of what is planned; whether the connection stays."""
        happened = self.run.happened
        if act == "write":
            self.sock.sendall(given[0].replace(TOKEN, self.run.token))
            for what in given[1:]:
                self.run.tell(exchange, what)
        elif act == "body":
            self.read_until(lambda: self.gone or self.size() is not None, 5)
        elif act == "bait":  # the owed reply waits until somebody else uses the connection
            self.read_until(lambda: self.next_has_come() or self.run.is_quiet())
        elif act == "pause":
            self.read_until(lambda: self.gone, given[0])
        elif act == "event":
            self.read_until(lambda: self.gone or given in happened)
        elif act == "gate":  # all have arrived, and those before it in the order of release have been answered
            self.read_until(lambda: self.gone or all((e, "seen") in happened for e in given[0]) or self.run.is_quiet())
            before = given[1][: given[1].index(exchange)] if exchange in given[1] else []
            self.read_until(lambda: self.gone or all((e, "final-written") in happened for e in before))
        elif act == "close":
            self.end(given[0])
            return False
        return True


class Lane:
    """A client: sends one request after the other, and notes whose replies it receives for which."""

    def __init__(self, run, gateway, stimuli):
        self.run, self.gateway, self.stimuli, self.end = run, gateway, stimuli, None

    def work(self):
        batch = []
        for stimulus, after in zip(self.stimuli, [*self.stimuli[1:], {}]):
            batch.append(stimulus)
            if after.get("use") != "pipelined":
                self.ask(batch)
                batch = []

    def start(self, stimulus):
        if "after" in stimulus:
            self.run.wait(lambda: stimulus["after"] in self.run.happened)
        time.sleep(stimulus.get("delay", 0))

    def ask(self, batch):
        self.start(batch[0])
        if self.end:
            self.end.read_until(lambda: False, 0.002)
        if not self.end or self.end.gone or self.end.data or batch[0].get("use") == "fresh":
            self.leave()
            self.end = End(self.run, socket.create_connection(self.gateway))
        owed = []
        for stimulus in batch:
            if stimulus is not batch[0]:
                self.start(stimulus)
            try:
                self.send(stimulus)
            except OSError:  # the gateway may close before it has read everything; what it has said is read all the same
                self.end.gone = True
            owed.append((stimulus["exchange"], stimulus, 4))
            owed += [(tail, {}, 0.3) for tail, speller in TAILS.items() if speller == stimulus["exchange"]]
        for exchange, stimulus, bound in owed:
            if self.end.gone and not self.end.data or not self.receive(exchange, stimulus, bound):
                self.run.tell(exchange, "concluded")
                self.end.gone = True

    def leave(self):
        """Closes the connection; what came on it unasked is nobody's."""
        if self.end:
            self.end.read_until(lambda: self.end.gone, 0.02)
            self.note("nobody", self.end.data)
            self.end.sock.close()
            self.end = None

    def send(self, stimulus):
        head, rest = (data.replace(TOKEN, self.run.token) for data in stimulus["request"])
        how, *given = stimulus.get("pace", ["at-once"])
        exchange, write = stimulus["exchange"], self.end.sock.sendall
        self.end.pace = stimulus.get("read", (65536, 0))
        write(head + rest if how == "at-once" else head)
        self.run.tell(exchange, "sent")
        if how in ("at-once", "withheld"):
            return
        size = -(-len(rest) // given[0]) if how == "slow" else len(rest)
        for at in range(0, len(rest), size or 1):
            if how == "slow":
                time.sleep(given[1])
            else:
                final = lambda: self.reply_end(stimulus) is not None
                self.end.read_until(lambda: self.end.gone or final() or (how == "after-continue" and self.end.data), given[0])
                if how == "after-continue" and final() and not self.is_interim():
                    return
            if at + size >= len(rest):
                self.run.tell(exchange, "body-sent")
            if self.aborts(stimulus, peek=True):
                return
            write(rest[at : at + size])

    def is_interim(self):
        return re.match(rb"HTTP/1\.1 1(?!01)", self.end.data)

    def reply_end(self, stimulus):
        bodiless = self.is_interim() or re.match(rb"HTTP/1\.1 (204|304)", self.end.data)
        whose = "bodiless" if bodiless or stimulus.get("method") == "HEAD" else "reply"
        return message_end(self.end.data, whose, self.end.gone)

    def receive(self, exchange, stimulus, bound):
        """The reply to an exchange, interim ones too; whether the connection can be used again."""
        end = self.end
        while True:
            ready = lambda: end.gone or self.aborts(stimulus) or self.reply_end(stimulus) is not None
            end.read_until(ready, bound)
            size, interim = self.reply_end(stimulus), self.is_interim()
            if size is None:
                self.note(exchange, end.data)
                end.data, end.gone = b"", True
                return False
            text, end.data = end.data[:size], end.data[size:]
            self.run.replies += 1
            self.note(exchange, text)
            if not interim:
                self.run.tell(exchange, "concluded")
                return not re.search(rb"\nconnection:[^\r]*close", text.split(b"\r\n\r\n")[0].lower())

    def note(self, exchange, text):
        received = self.run.received.setdefault(exchange, [])
        received += [name for name in names(REPLY, text) if name not in received]
        for name, tenant in names(REQUEST, text):
            if exchange in TENANTS and TENANTS[exchange] != tenant:
                what = f"{exchange} of tenant {TENANTS[exchange]} received what the client of {name} of tenant {tenant} had sent"
                self.run.odd.append(("reply", what))

    def aborts(self, stimulus, peek=False):
        if "abort" not in stimulus or self.end.gone:
            return False
        how, when, amount = stimulus["abort"]
        at = self.run.happened.get((stimulus["exchange"], when))
        due = len(self.end.data) >= amount if when == "bytes" else at is not None and time.monotonic() >= at + amount
        if not due or peek or (stimulus["exchange"], "aborted") in self.run.happened:
            return due
        self.end.end(how)
        self.run.tell(stimulus["exchange"], "aborted")
        return how != "half-close"


def play(number, gateway, listener):
    run, upstreams = Run(number), []

    def accept():
        while not over.is_set():
            if select.select([listener], [], [], 0.02)[0]:
                upstreams.append(Upstream(run, listener.accept()[0]))
                threading.Thread(target=upstreams[-1].serve, daemon=True).start()

    def client(lane):
        try:
            lane.work()
        except OSError as error:
            run.failed = error

    over, lanes = threading.Event(), [Lane(run, gateway, stimuli) for stimuli in LANES]
    workers = [threading.Thread(target=accept, daemon=True)]
    workers += [threading.Thread(target=client, args=(lane,), daemon=True) for lane in lanes]
    for worker in workers:
        worker.start()
    for worker in workers[1:]:
        worker.join(60)
    for lane in lanes:
        lane.leave()
    over.set()
    workers[0].join()
    for upstream in upstreams:
        if not upstream.gone:
            upstream.end("fin")
    return run


def wrong(run):
    """What reached whom it must not reach, of the kind that was found."""
    found = list(dict.fromkeys(what for kind, what in run.odd if kind == KIND))
    for exchange, received in run.received.items():
        for number, owner, tenant in received:
            foreign = owner != exchange and (not CROSS_TENANT or TENANTS.get(exchange) != tenant)
            if KIND == "unasked" and exchange == "nobody":
                found.append(f"reply {number} to {owner} of tenant {tenant} came where nothing was asked")
            if KIND == "reply" and exchange != "nobody" and foreign and (not ONLY or (exchange, owner) in ONLY):
                found.append(f"{exchange} of tenant {TENANTS[exchange]} received reply {number} to {owner} of tenant {tenant}")
    return found


def main():
    arguments = [*sys.argv[1:], "20"][:3]
    if len(arguments) < 3 or not all(argument.isdigit() for argument in arguments):
        print(__doc__, file=sys.stderr)
        return 125
    gateway, origin, times = map(int, arguments)
    listener = socket.create_server(("127.0.0.1", origin), backlog=64)
    failed, unplayed, first = 0, 0, int(time.time()) % 10**6 * 100
    for number in range(times):
        run = play(first + number, ("127.0.0.1", gateway), listener)
        found = wrong(run)
        own = sum(any(owner == exchange for _, owner, _ in names) for exchange, names in run.received.items())
        failed, unplayed = failed + bool(found), unplayed + (run.failed is not None or not run.replies)
        told = found or [f"nothing was wrong; {own} of {len(TENANTS)} requests received their own replies"]
        print(f"run {number + 1}: {'; '.join(told)}{f' ({run.failed})' if run.failed else ''}")
    print(f"wrong in {failed} of {times} runs")
    return 1 if failed else 125 if unplayed else 0


if __name__ == "__main__":
    try:
        code = main()
    except Exception as error:  # git bisect would take any other code for a verdict
        print(f"it cannot be played: {error!r}", file=sys.stderr)
        code = 125
    sys.exit(code)
