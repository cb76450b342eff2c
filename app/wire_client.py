"""A small client of our own API over kept-alive connections: waits when told to, tries again what may be tried again."""

import http.client
import threading
import time
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import orjson

_TRIES = 6
_TIMEOUT = 60.0


class Refused(Exception):
    """The server said no, and trying again would not help."""


class Client:
    """Calls may come from several threads; each has its own connection."""

    def __init__(self, url: str, *, token: str | None = None) -> None:
        self._address = urlsplit(url.rstrip("/"))
        self._token = token
        self._local = threading.local()
        self._opened: list[http.client.HTTPConnection] = []

    def sign_in(self, email: str, password: str) -> None:
        body = urlencode({"grant_type": "password", "username": email, "password": password}).encode()
        kind = "application/x-www-form-urlencoded"
        self._token = str(orjson.loads(self._ask("POST", "/api/v1/auth/token", body, kind))["access_token"])

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The decoded answer.

        Raises:
            Refused: a 4xx other than 429, or no answer after some tries.
        """
        raw = None if body is None else orjson.dumps(body)
        return orjson.loads(self._ask(method, quote(path, safe="/?&="), raw, "application/json"))

    def metric(self, name: str) -> float:
        """One number of /metrics; 0 when it is not there."""
        for line in self._ask("GET", "/metrics", None, "").decode().splitlines():
            key, _, value = line.rpartition(" ")
            if key == name:
                return float(value)
        return 0.0

    def close(self) -> None:
        """Close the connections of all threads."""
        for connection in self._opened:
            connection.close()
        self._opened.clear()

    def is_up(self) -> bool:
        try:
            self._once("GET", "/health", None, {})
        except OSError:
            self._local.connection = None
            return False
        return True

    def _ask(self, method: str, path: str, body: bytes | None, kind: str) -> bytes:
        headers = {"Content-Type": kind} if kind else {}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        wrong = ""
        for attempt in range(_TRIES):
            try:
                status, raw, pause = self._once(method, path, body, headers)
            except (OSError, http.client.HTTPException) as error:
                self._local.connection = None
                wrong, pause = str(error) or type(error).__name__, 0.3 * 2**attempt
            else:
                if 200 <= status < 300:
                    return raw
                wrong = f"{method} {path}: {status} {raw[:300].decode(errors='replace')}"
                if status < 500 and status not in (408, 425, 429):
                    raise Refused(wrong)
            time.sleep(pause)
        raise Refused(wrong)

    def _once(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, bytes, float]:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            secure = self._address.scheme == "https"
            kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
            connection = self._local.connection = kind(self._address.netloc, timeout=_TIMEOUT)
            self._opened.append(connection)
        connection.request(method, self._address.path + path, body, headers)
        response = connection.getresponse()
        raw = response.read()
        return response.status, raw, float(response.headers.get("Retry-After") or 0.5)
