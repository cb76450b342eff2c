"""A push service on loopback: it takes what RFC 8030, 8188, 8291 and 8292 allow, refuses the rest, and reads what it took as the browser would.

service = PushService(hostile_server)
browser = service.subscribe(key)       # the endpoint and keys that a browser hands over
service.shown(browser)                 # what that browser was told, decrypted
"""

import base64
import json
import re
import secrets
import struct
import time
from dataclasses import dataclass, field
from typing import Any

import http_ece
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.hostile import Behaviour, HostileServer, Request, answer

_URGENCIES = {"very-low", "low", "normal", "high"}
_TOPIC = re.compile(r"[A-Za-z0-9_-]{1,32}")
_LARGEST = 4096


@dataclass(kw_only=True)
class Browser:
    """One subscription, with the keys that never leave the browser."""

    endpoint: str
    server_key: str
    """The applicationServerKey it was made for; no other may push to it (RFC 8292, 4.2)."""
    private: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    auth: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    waiting: dict[str, bytes] = field(default_factory=dict)
    """By topic: a newer push replaces the older one (RFC 8030, 5.4)."""
    gone: bool = False

    @property
    def keys(self) -> dict[str, str]:
        point = self.private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return {"p256dh": base64url(point), "auth": base64url(self.auth)}


class PushService:
    """Judges each request of a HostileServer."""

    def __init__(self, server: HostileServer) -> None:
        self.server = server
        self.browsers: dict[str, Browser] = {}
        server.judge = self._judge

    def subscribe(self, server_key: str) -> Browser:
        path = f"/push/{secrets.token_urlsafe(24)}"
        self.browsers[path] = Browser(endpoint=self.server.url + path, server_key=server_key)
        return self.browsers[path]

    def shown(self, browser: Browser) -> list[dict[str, Any]]:
        return [
            json.loads(
                http_ece.decrypt(body, private_key=browser.private, auth_secret=browser.auth, version="aes128gcm")
            )
            for body in browser.waiting.values()
        ]

    def _judge(self, request: Request) -> Behaviour | None:
        """None where it is right: then the server behaves as it was told to, by default with 201."""
        browser = self.browsers.get(request.path)
        if request.method != "POST":
            return answer(405)
        if browser is None:
            return answer(404)
        if browser.gone:
            return answer(410)
        refused = _message(request) or _vapid(request, browser)
        if refused is not None:
            return refused
        topic = request.headers.get("topic") or secrets.token_hex(8)
        browser.waiting[topic] = request.body
        return None


def _message(request: Request) -> Behaviour | None:
    headers, body = request.headers, request.body
    if not re.fullmatch(r"\d+", headers.get("ttl", "")):
        return answer(400, body="TTL is required (RFC 8030, 5.2)")
    if headers.get("urgency", "normal") not in _URGENCIES:
        return answer(400, body="no such Urgency (RFC 8030, 5.3)")
    if "topic" in headers and not _TOPIC.fullmatch(headers["topic"]):
        return answer(400, body="Topic is 32 characters of base64url at most (RFC 8030, 5.4)")
    if len(body) > _LARGEST:
        return answer(413)
    if headers.get("content-encoding") != "aes128gcm":
        return answer(400, body="Content-Encoding is aes128gcm (RFC 8291, 4)")
    if len(body) < 86 + 18:
        return answer(400, body="too short to be encrypted (RFC 8188)")
    record_size, key_length = struct.unpack("!LB", body[16:21])
    if key_length != 65 or body[21] != 4:
        return answer(400, body="the key id is the sender's public key (RFC 8291, 4)")
    if record_size < len(body) - 86:
        return answer(400, body="there is one record (RFC 8291, 4)")
    return None


def _vapid(request: Request, browser: Browser) -> Behaviour | None:
    scheme, _, rest = request.headers.get("authorization", "").partition(" ")
    given = dict(part.strip().split("=", 1) for part in rest.split(",") if "=" in part)
    if scheme.lower() != "vapid" or set(given) != {"t", "k"}:
        return answer(401, body="a subscription with a key takes vapid t=..., k=... (RFC 8292, 3)")
    if given["k"] != browser.server_key:
        return answer(403, body="another key than the subscription's (RFC 8292, 4.2)")
    try:
        claims = _claims(given["t"], given["k"])
    except (InvalidSignature, ValueError, KeyError):
        return answer(403, body="the signature does not hold")
    origin = f"http://{request.headers['host']}"
    now = time.time()
    if claims.get("aud") != origin:
        return answer(403, body=f"aud is {origin}")
    if not now < claims.get("exp", 0) <= now + 24 * 3600:
        return answer(403, body="exp is past, or more than 24 hours ahead (RFC 8292, 2)")
    if not re.fullmatch(r"mailto:[^@\s]+@[^@\s]+\.[^@\s]+|https://\S+", claims.get("sub", "")):
        return answer(403, body="sub is mailto: or https: (RFC 8292, 2.1)")
    return None


def _claims(token: str, key: str) -> dict[str, Any]:
    head, body, signature = token.split(".")
    if json.loads(from_base64url(head)) != {"typ": "JWT", "alg": "ES256"}:
        raise ValueError("ES256 (RFC 8292, 2)")
    raw = from_base64url(signature)
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), from_base64url(key))
    public.verify(
        encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:])),
        f"{head}.{body}".encode(),
        ec.ECDSA(hashes.SHA256()),
    )
    return dict(json.loads(from_base64url(body)))


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
