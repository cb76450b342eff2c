"""A server on loopback that does to a caller what the internet does, one behaviour a request; and a resolver that lies.

    hostile_server.will(answer(503, {"Retry-After": "30"}), answer(200, body=b'{"id": "m1"}'))

The behaviours are used up in turn; the last stays. `judge` may look at every request first and answer instead, as a
provider refuses what its published interface does not allow. Nothing here sleeps: what hangs or drips ends with the server.
"""

import contextlib
import datetime
import ipaddress
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from email.message import Message
from http.client import parse_headers
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True, kw_only=True)
class Request:
    method: str
    target: str
    """Path and query as asked for."""
    headers: Message
    """By name, whatever its case: `request.headers["webhook-id"]`."""
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        """A body of application/x-www-form-urlencoded; of a name given twice the last."""
        return {name: values[-1] for name, values in parse_qs(self.body.decode(), keep_blank_values=True).items()}


@dataclass(frozen=True, kw_only=True)
class Line:
    """The connection, as a behaviour has it."""

    sock: socket.socket
    stopped: threading.Event

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)


Behaviour = Callable[[Line], bool]
"""Does something to the caller; True where the connection stays open for the next request."""


def answer(status: int = 200, headers: Mapping[str, str] | None = None, body: bytes | str | Any = b"") -> Behaviour:
    """Anything but text and bytes goes out as JSON."""
    data = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    kind = {} if isinstance(body, bytes | str) else {"Content-Type": "application/json"}

    def do(line: Line) -> bool:
        line.send(_head(status, {"Content-Length": str(len(data)), **kind, **(headers or {})}) + data)
        return True

    return do


def redirect(to: str, status: int = 302) -> Behaviour:
    return answer(status, {"Location": to})


def hang(line: Line) -> bool:
    """Takes the request and never says a word."""
    line.stopped.wait()
    return False


def reset(line: Line) -> bool:
    """Takes the request and breaks the connection (RST)."""
    line.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def close(line: Line) -> bool:
    """Takes the request and hangs up politely, without an answer."""
    return False


def garbage(line: Line) -> bool:
    line.send(b"SSH-2.0-OpenSSH_9.2\r\n")
    return False


def slow_headers(line: Line) -> bool:
    """A byte every 20 ms, for ever."""
    return _drip(line, b"HTTP/1.1 200 OK\r\nX-Slow: " + b"z" * 100_000)


def slow_body(line: Line) -> bool:
    line.send(_head(200, {"Content-Length": "1000000"}))
    return _drip(line, b"z" * 1_000_000)


def half_body(line: Line) -> bool:
    """Says 200 and a length, sends half of it, and is gone."""
    line.send(_head(200, {"Content-Length": "1000"}) + b"z" * 500)
    return False


def huge_body(line: Line) -> bool:
    """A hundred megabytes, unless the caller has enough before."""
    line.send(_head(200, {"Content-Length": "100000000"}))
    for _ in range(1000):
        line.send(b"z" * 100_000)
    return False


class HostileServer:
    """Listens until closed. `requests` is what came, in order."""

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Request] = []
        self.judge: Callable[[Request], Behaviour | None] | None = None
        self.connections = 0
        self._tls = tls
        self._behaviours: list[Behaviour] = [answer()]
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listening = socket.create_server((host, port))
        self.host, self.port = self._listening.getsockname()[:2]
        self._threads = [threading.Thread(target=self._accept, name="hostile", daemon=True)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://{self.host}:{self.port}"

    def will(self, *behaviours: Behaviour) -> None:
        """What it does from the next request on."""
        with self._lock:
            self._behaviours = list(behaviours)

    def close(self) -> None:
        self._stopped.set()
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        with self._lock:
            for sock in self._open:
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listening.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(sock,), name="hostile-connection", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        with self._lock:
            self.connections += 1
            self._open.add(sock)
        try:
            if self._tls:
                plain, sock = sock, self._tls.wrap_socket(sock, server_side=True)
                with self._lock:
                    self._open.discard(plain)
                    self._open.add(sock)
            line = Line(sock=sock, stopped=self._stopped)
            with sock.makefile("rb") as reading:
                while not self._stopped.is_set() and (request := _read(reading)) is not None:
                    if not self._next(request)(line):
                        break
        except OSError:
            pass  # the caller has gone, or does not trust our certificate
        finally:
            with self._lock:
                self._open.discard(sock)
            sock.close()

    def _next(self, request: Request) -> Behaviour:
        with self._lock:
            self.requests.append(request)
            if self.judge is not None and (verdict := self.judge(request)) is not None:
                return verdict
            return self._behaviours.pop(0) if len(self._behaviours) > 1 else self._behaviours[0]


def _read(reading: Any) -> Request | None:
    first = reading.readline(65_537).decode("latin-1").split()
    if len(first) != 3:
        return None
    headers = parse_headers(reading)
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = b""
        while size := int(reading.readline().split(b";")[0], 16):
            body += reading.read(size)
            reading.readline()
        reading.readline()
    else:
        body = reading.read(int(headers.get("content-length") or 0))
    return Request(method=first[0], target=first[1], headers=headers, body=body)


def _head(status: int, headers: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} Said", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _drip(line: Line, data: bytes) -> bool:
    for byte in data:
        line.send(bytes([byte]))
        if line.stopped.wait(0.02):
            break
    return False


@contextlib.contextmanager
def serving(**options: Any) -> Iterator[HostileServer]:
    server = HostileServer(**options)
    try:
        yield server
    finally:
        server.close()


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """Made for one test; nobody trusts it unless told to (`trust`)."""

    file: Path
    """Key and certificate, PEM."""

    @property
    def server(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.file)
        return context

    @property
    def client(self) -> ssl.SSLContext:
        """Trusts this certificate and no other."""
        return ssl.create_default_context(cafile=str(self.file))


def self_signed(folder: Path, *, names: Sequence[str] = ("localhost",), days: int = 7) -> Certificate:
    """A certificate for these names and 127.0.0.1; with `days` below 0 it has run out."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    today = datetime.datetime.now(datetime.UTC)
    also = [*(x509.DNSName(one) for one in names), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=30))
        .not_valid_after(today + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName(also), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{names[0]}.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return Certificate(file=file)


@dataclass
class Resolver:
    """Names that only exist here. Each lookup of a name takes its next list of addresses; the last stays."""

    names: dict[str, list[Sequence[str]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    """Names looked up, in order; addresses in figures are nobody's question."""

    def says(self, name: str, *turns: str | Sequence[str]) -> None:
        self.names[name] = [[turn] if isinstance(turn, str) else turn for turn in turns]


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Resolver:
    """Names are looked up here and nowhere else; unknown ones do not exist."""
    real, lying = socket.getaddrinfo, Resolver()

    def getaddrinfo(host: Any, port: Any, *args: Any, **options: Any) -> Any:
        with contextlib.suppress(ValueError):
            ipaddress.ip_address(host)
            return real(host, port, *args, **options)
        lying.asked.append(host)
        if host not in lying.names:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        turns = lying.names[host]
        addresses = turns.pop(0) if len(turns) > 1 else turns[0]
        return [entry for address in addresses for entry in real(address, port, *args, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return lying


@pytest.fixture
def hostile_server() -> Iterator[HostileServer]:
    """Answers 200 until told otherwise. A folder that wants it imports the fixture into its conftest."""
    with serving() as server:
        yield server
