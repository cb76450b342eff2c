"""The one way to call a URL that a user gave: to the address that was checked and no other, with verified TLS, no redirects, little time.

A name is looked up once and the call goes to what was found, so a name that answers differently the second time (DNS
rebinding) reaches nothing. Private, loopback, link-local, shared (CGNAT), multicast and metadata addresses are refused
unless DOORBELL_ALLOW_PRIVATE_URLS says otherwise.
"""

import io
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cache
from http import HTTPStatus
from http.client import HTTPException
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, LocationParseError
from urllib3.util import Url, parse_url

from core.delivery.channel import DeliveryFailed
from core.delivery.retry import http_status_is_retryable
from core.settings import Settings

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

LONGEST_URL = 2_000
_PORTS = {"http": 80, "https": 443}
_FIRST_FREE_PORT = 1024
"""Below it live mail, files and remote shells: of those only the web's own ports are called."""
_METADATA = frozenset({ipaddress.ip_address("168.63.129.16")})
"""Public by number, and yet the machine's own host (Azure)."""
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_SPEAKS_AGAINST_THE_PLACE = frozenset({401, 403, 404, 405, 407, 410})
"""Whatever the message had said, the answer would have been this."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How long a call may take (seconds), how much of the answer is read (bytes), and where it may go."""

    connect: float = 3.0
    total: float = 10.0
    body: int = 64 * 1024
    private: bool = False


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    """By their names in lower case."""
    body: bytes
    whole: bool
    """Whether the body was read to its end: False where it was too long, too slow or broke off."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """A URL that was checked, and where it leads now."""

    scheme: str
    host: str
    port: int
    path: str
    addresses: tuple[Address, ...]

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def limits(settings: Settings) -> Limits:
    return Limits(private=settings.allow_private_urls)


def call(
    method: str, url: str, *, headers: Mapping[str, str], body: bytes | None = None, limits: Limits = Limits()
) -> Answer:
    """Call it and return whatever it answers, 500 and redirects too; `demand` judges it.

    Raises:
        DeliveryFailed: the URL is refused, nobody answers, or not in time.
    """
    until = time.monotonic() + limits.total
    target = find(url, limits)
    connection = _connected(target, limits)
    try:
        return _exchange(connection, method, target, headers, body, limits=limits, until=until)
    except TimeoutError as error:
        raise DeliveryFailed(f"{target.host} did not answer in time", retryable=True) from error
    except (OSError, HTTPError, HTTPException) as error:
        raise DeliveryFailed(f"{target.host} broke off the connection", retryable=True) from error
    except ValueError as error:
        raise DeliveryFailed(f"the request cannot be written: {error}", retryable=False) from error
    finally:
        connection.close()


def demand(answer: Answer, *, who: str) -> None:
    """Nothing where it accepted.

    Args:
        who: as the reason shall name it, as in "hooks.example".

    Raises:
        DeliveryFailed: it answered anything but 2xx. A redirect is final: it is for people to enter the new address.
    """
    if not 200 <= answer.status < 300:
        raise failure(answer.status, answer.headers, who=who)


def failure(status: int, headers: Mapping[str, str], *, who: str) -> DeliveryFailed:
    """What an answer that is not 2xx means; also for answers that a provider's own client received."""
    said = f"{status} {_phrase(status)}".strip()
    if 300 <= status < 400:
        reason = f"{who} answered {said}: it points elsewhere, and redirects are not followed"
        return DeliveryFailed(reason, retryable=False, provider_at_fault=True)
    retryable = http_status_is_retryable(status)
    at_fault = retryable or status in _SPEAKS_AGAINST_THE_PLACE
    return DeliveryFailed(
        f"{who} answered {said}",
        retryable=retryable,
        retry_after=retry_after(headers) if retryable else None,
        provider_at_fault=at_fault,
        answered=400 <= status < 500 and not at_fault,
    )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Retry-After in seconds, from either of its forms (RFC 9110, 10.2.3); a date counts by the sender's own clock where it says."""
    named = {name.lower(): value for name, value in headers.items()}
    wish = named.get("retry-after", "").strip()
    if wish.isascii() and wish.isdigit():
        return float(wish[:9])
    with suppress(ValueError, TypeError):
        at = parsedate_to_datetime(wish).timestamp()
        return max(0.0, at - _date(named.get("date", "")))
    return None


def find(url: str, limits: Limits) -> Target:
    """The URL checked and looked up; nothing is connected.

    Raises:
        DeliveryFailed: it is not one that is called, with the reason in words for whoever entered it.
    """
    parts = _parts(url)
    host = (parts.host or "").strip("[]").rstrip(".")
    port = parts.port or _PORTS[parts.scheme or ""]
    if port not in _PORTS.values() and port < _FIRST_FREE_PORT and not limits.private:
        raise _refused(f"port {port} is not one for the web: use 443, 80, or one from {_FIRST_FREE_PORT} on")
    addresses = _look_up(host, port, limits)
    if not limits.private and any(not is_public(address) for address in addresses):
        raise _refused(f"{host} is an address inside a private network")
    return Target(scheme=parts.scheme or "", host=host, port=port, path=parts.request_uri, addresses=addresses)


def is_public(address: Address) -> bool:
    """Whether it lies in the open internet, also by what an IPv6 address has inside (mapped, 6to4, Teredo, NAT64)."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo and address.teredo[1])
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if inner and not is_public(inner):
            return False
        if address.is_site_local or address.scope_id:
            return False
        if address.ipv4_mapped or address in _NAT64:
            return True
    return address.is_global and not address.is_multicast and address not in _METADATA


def _parts(url: str) -> Url:
    if len(url) > LONGEST_URL:
        raise _refused(f"it is longer than {LONGEST_URL} characters")
    if not url.isprintable() or any(mark in url for mark in " \\"):
        raise _refused("it has spaces, backslashes or control characters")
    try:
        parts = parse_url(url)
    except LocationParseError as error:
        raise _refused("it is not a web address") from error
    if parts.scheme not in _PORTS or not parts.host:
        raise _refused("it has to begin with https:// or http:// and name a host")
    if parts.auth is not None:
        raise _refused("it must not hold a user name or password (the part before @)")
    if parts.port == 0:
        raise _refused("port 0 is none")
    return parts


def _look_up(host: str, port: int, limits: Limits) -> tuple[Address, ...]:
    """All addresses of a name, in the resolver's order. In a thread of its own: a lookup knows no time limit."""
    found: list[Any] = []

    def look() -> None:
        # UnicodeError: a label that is empty or too long.
        with suppress(OSError, UnicodeError):
            found.extend(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))

    thread = threading.Thread(target=look, name="lookup", daemon=True)
    thread.start()
    thread.join(limits.connect)
    if thread.is_alive():
        raise DeliveryFailed(f"the name {host} was not looked up in time", retryable=True)
    addresses = tuple(dict.fromkeys(ipaddress.ip_address(entry[4][0]) for entry in found))
    if not addresses:
        raise DeliveryFailed(f"there is no address for the name {host}", retryable=True)
    return addresses


def _connected(target: Target, limits: Limits) -> HTTPConnection:
    until = time.monotonic() + limits.connect
    refused: BaseException | None = None
    for address in target.addresses:
        left = until - time.monotonic()
        if left <= 0:
            break
        connection = _connection(target, address, left)
        try:
            connection.connect()
        except ssl.SSLCertVerificationError as error:
            connection.close()
            raise DeliveryFailed(
                f"the certificate of {target.host} is not valid: {error.verify_message}", retryable=True
            ) from error
        except ssl.SSLError as error:
            connection.close()
            raise DeliveryFailed(f"no secure connection to {target.host}", retryable=True) from error
        except (OSError, HTTPError) as error:
            connection.close()
            refused = error
        else:
            return connection
    raise DeliveryFailed(f"no connection to {target.host}", retryable=True) from refused


def _connection(target: Target, address: Address, timeout: float) -> HTTPConnection:
    if target.scheme == "http":
        return HTTPConnection(str(address), target.port, timeout=timeout)
    return HTTPSConnection(
        str(address), target.port, timeout=timeout, ssl_context=_context(), server_hostname=target.host
    )


@cache
def _context() -> ssl.SSLContext:
    """Reading all certificates takes 20 ms: once a process."""
    return ssl.create_default_context()


def _exchange(
    connection: HTTPConnection,
    method: str,
    target: Target,
    headers: Mapping[str, str],
    body: bytes | None,
    *,
    limits: Limits,
    until: float,
) -> Answer:
    connection.timeout = max(until - time.monotonic(), 0.001)
    connection.sock = _Hurried(connection.sock, until)
    given = {"User-Agent": "Doorbell", "Accept-Encoding": "identity", **headers, "Host": target.authority}
    connection.request(method, target.path, body=body, headers=given, preload_content=False, decode_content=False)
    response = connection.getresponse()
    read, whole = bytearray(), False
    # An answer of 2xx counts though its body is too long or drips: sending it again would make a second one.
    with suppress(OSError, HTTPError, HTTPException):
        while len(read) <= limits.body:
            part = response.read1(limits.body + 1 - len(read), decode_content=False)
            if not part:
                whole = True
                break
            read += part
    return Answer(
        status=response.status,
        headers={name.lower(): value for name, value in response.headers.items()},
        body=bytes(read[: limits.body]),
        whole=whole,
    )


class _Hurried:
    """A socket whose reading ends at one instant, however slowly the other side drips."""

    def __init__(self, sock: socket.socket, until: float) -> None:
        self._sock = sock
        self._until = until

    def makefile(self, *_: Any, **__: Any) -> io.BufferedReader:
        return io.BufferedReader(_Reading(self._sock, self._until))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


class _Reading(io.RawIOBase):
    def __init__(self, sock: socket.socket, until: float) -> None:
        self._sock = sock
        self._until = until

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(left)
        return self._sock.recv_into(buffer)


def _phrase(status: int) -> str:
    with suppress(ValueError):
        return HTTPStatus(status).phrase
    return ""


def _date(said: str) -> float:
    with suppress(ValueError, TypeError):
        return parsedate_to_datetime(said).timestamp()
    return time.time()


def _refused(why: str) -> DeliveryFailed:
    return DeliveryFailed(f"this address is not called: {why}", retryable=False, provider_at_fault=True)
