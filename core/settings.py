"""Settings, all from the environment as DOORBELL_*; a wrong one stops the start with one clear line."""

import base64
import binascii
import os
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parseaddr
from functools import cached_property
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from core.errors import BadSetting

_SMTP_SCHEMES = {"smtp", "smtps", "smtp+starttls"}
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_CHATS = ("slack", "teams", "discord", "telegram", "googlechat", "mattermost", "rocketchat", "ntfy", "matrix")
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """Settings with which Doorbell starts, and which leave something not working."""

    variables: tuple[str, ...]
    """Those to look at."""
    text: str
    channels: tuple[str, ...]
    """The ways of telling people that suffer."""

    @property
    def line(self) -> str:
        return f"{' and '.join(self.variables)}: {self.text}"


class Settings(BaseSettings):
    """One field a variable: `data_dir` is DOORBELL_DATA_DIR."""

    model_config = SettingsConfigDict(env_prefix="DOORBELL_", extra="ignore", frozen=True, validate_default=True)

    data_dir: Path = Path("data")
    database_url: str = Field(default="", description="default: SQLite in the data directory")
    host: str = "127.0.0.1"
    port: int = Field(default=8501, ge=1, le=65535)
    public_url: str = Field(default="", description="how people reach it; default http://HOST:PORT")
    secret_key: SecretStr = Field(
        default=SecretStr(""), description="default: made once and kept in the data directory"
    )
    demo: Literal["off", "small", "full"] = "off"
    demo_password: SecretStr = Field(default=SecretStr(""), description="default: made and printed")
    demo_seed: int = 7
    smtp_url: SecretStr = Field(
        default=SecretStr(""),
        description="smtp://user:password@host:587; smtps:// for TLS from the start; several with spaces, tried in order",
    )
    mail_from: str = "Doorbell <doorbell@localhost>"
    email_per_second: float = Field(
        default=0.0, ge=0, le=10_000, description="0: as fast as the mail server takes them"
    )
    allow_private_urls: bool = Field(
        default=False, description="whether webhooks and other URLs that people enter may lead into private networks"
    )
    chat_services: str = Field(
        default=" ".join(_CHATS), description="the chats people may be told in, separated by spaces; empty: none"
    )
    vapid_private_key: SecretStr = Field(
        default=SecretStr(""), description="default: made once and kept in the data directory"
    )
    sendgrid_webhook_key: str = Field(
        default="", description="the verification key of SendGrid's signed event webhook, as its page shows it"
    )
    twilio_account_sid: str = Field(default="", description="AC and 32 hexadecimal digits; texts and calls need it")
    twilio_auth_token: SecretStr = SecretStr("")
    twilio_from: str = Field(default="", description="+15125550100, or for texts alone a messaging service's MG...")
    twilio_url: str = Field(default="", description="default https://api.twilio.com; for a region or a test")
    sms_per_second: float = Field(default=1.0, ge=0, le=1_000, description="a U.S. number may send one; 0: no limit")
    phone_region: str = Field(default="US", description="where numbers without a country code are")
    timezone: str = "America/Chicago"
    log_format: Literal["text", "json"] = "text"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    token_minutes: int = Field(default=60, ge=1, le=1440)
    session_hours: int = Field(default=12, ge=1, le=720)
    transaction_delay_days: int = Field(
        default=14, ge=0, le=365, description="how late transactions are reported; labels wait so long"
    )

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str) -> str:
        if value and not value.startswith(("sqlite:///", "postgresql://", "postgresql+psycopg://")):
            raise ValueError("use sqlite:///path or postgresql://user:password@host/name")
        return value

    @field_validator("smtp_url")
    @classmethod
    def _known_mail(cls, value: SecretStr) -> SecretStr:
        for text in value.get_secret_value().split():
            if urlsplit(text).scheme not in _SMTP_SCHEMES or not urlsplit(text).hostname:
                raise ValueError("use smtp://user:password@host:587, smtp+starttls:// or smtps://; several with spaces")
        return value

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ValueError, OSError, ZoneInfoNotFoundError) as error:
            raise ValueError("use an IANA time zone, for example America/Chicago") from error
        return value

    @field_validator("sendgrid_webhook_key")
    @classmethod
    def _verification_key(cls, value: str) -> str:
        if value:
            from core import ecdsa  # noqa: PLC0415  a library that only this setting needs

            try:
                ecdsa.public_key(value)
            except ValueError as error:
                raise ValueError("use the verification key that SendGrid shows for its signed event webhook") from error
        return value

    @field_validator("twilio_account_sid")
    @classmethod
    def _account(cls, value: str) -> str:
        if value and not re.fullmatch(r"AC[0-9a-f]{32}", value):
            raise ValueError("use the Account SID: AC and 32 hexadecimal digits")
        return value

    @field_validator("twilio_from")
    @classmethod
    def _caller(cls, value: str) -> str:
        if value and not re.fullmatch(r"\+[1-9]\d{6,14}|MG[0-9a-f]{32}", value):
            raise ValueError("use a number as in +15125550100, or a messaging service: MG and 32 hexadecimal digits")
        return value

    @field_validator("phone_region")
    @classmethod
    def _region(cls, value: str) -> str:
        if value != "US":
            from phonenumbers import SUPPORTED_REGIONS  # noqa: PLC0415  0.1 s that most never need

            if value not in SUPPORTED_REGIONS:
                raise ValueError("use the two capital letters of a country, for example US")
        return value

    @field_validator("public_url", "twilio_url")
    @classmethod
    def _whole_address(cls, value: str) -> str:
        try:
            parts = urlsplit(value)
            whole = parts.scheme in ("http", "https") and bool(parts.hostname)
        except ValueError:
            whole = False
        if value and not whole:
            raise ValueError("use a whole address, for example https://doorbell.example")
        return value

    @field_validator("mail_from")
    @classmethod
    def _sender(cls, value: str) -> str:
        if not value.isprintable() or not re.fullmatch(r"[^@\s]+@[^@\s]+", parseaddr(value)[1]):
            raise ValueError("use Name <address@host>")
        return value

    @field_validator("secret_key")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() and len(value.get_secret_value()) < 32:
            raise ValueError("use at least 32 characters, for example from: openssl rand -hex 32")
        return value

    @field_validator("chat_services")
    @classmethod
    def _known_chats(cls, value: str) -> str:
        if not set(value.split()) <= set(_CHATS):
            raise ValueError(f"use some of: {' '.join(_CHATS)}")
        return value

    @field_validator("vapid_private_key")
    @classmethod
    def _a_number_on_the_curve(cls, value: SecretStr) -> SecretStr:
        text = value.get_secret_value().rstrip("=")
        if not text:
            return value
        try:
            number = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except (ValueError, binascii.Error):
            number = b""
        if len(number) != 32 or not 0 < int.from_bytes(number) < _P256_ORDER:
            raise ValueError(
                "use a P-256 private key: 32 bytes in base64url, as `npx web-push generate-vapid-keys` prints"
            )
        return SecretStr(text)

    @property
    def database(self) -> str:
        return self.database_url or f"sqlite:///{self.data_dir.resolve() / 'doorbell.db'}"

    @property
    def origin(self) -> str:
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    @cached_property
    def signing_key(self) -> str:
        """DOORBELL_SECRET_KEY, or the one made at the first start and kept in the data directory (mode 600)."""
        given = self.secret_key.get_secret_value()
        return given or _kept_secret(self.data_dir / "secret_key", lambda: secrets.token_hex(32))

    @cached_property
    def vapid_key(self) -> str:
        """DOORBELL_VAPID_PRIVATE_KEY, or the one kept beside the secret key. Browsers subscribe under it: lost, all have to ask anew."""
        given = self.vapid_private_key.get_secret_value()
        return given or _kept_secret(self.data_dir / "vapid_key", _vapid_key)

    @property
    def chats(self) -> frozenset[str]:
        return frozenset(self.chat_services.split())

    @property
    def browsers_trust_us(self) -> bool:
        """Service workers and push are for secure pages: https://, or this machine."""
        parts = urlsplit(self.origin)
        return parts.scheme == "https" or parts.hostname in _LOOPBACK

    @property
    def doubts(self) -> tuple[Doubt, ...]:
        """What is set by half, or so that somebody will not get it; said at the start and beside the channel."""
        found = [self._half_twilio()]
        if parseaddr(self.mail_from)[1].rpartition("@")[2] in _LOOPBACK:
            found += [self._unsigned_push(), self._refused_mail()]
        return tuple(one for one in found if one is not None)

    def _half_twilio(self) -> Doubt | None:
        given = {
            "DOORBELL_TWILIO_ACCOUNT_SID": bool(self.twilio_account_sid),
            "DOORBELL_TWILIO_AUTH_TOKEN": bool(self.twilio_auth_token.get_secret_value()),
            "DOORBELL_TWILIO_FROM": bool(self.twilio_from),
        }
        missing = tuple(name for name, is_set in given.items() if not is_set)
        if len(missing) in (0, len(given)):
            return None
        there = " and ".join(name for name, is_set in given.items() if is_set)
        text = f"missing beside {there}: no text and no call goes out"
        return Doubt(variables=missing, text=text, channels=("sms", "voice"))

    def _unsigned_push(self) -> Doubt | None:
        public = urlsplit(self.origin).scheme == "https" and urlsplit(self.origin).hostname not in _LOOPBACK
        if not (public or self.vapid_private_key.get_secret_value()):
            return None
        text = "it is at localhost: Apple's devices get no push"
        return Doubt(variables=("DOORBELL_MAIL_FROM",), text=text, channels=("push",))

    def _refused_mail(self) -> Doubt | None:
        if all(urlsplit(url).hostname in _LOOPBACK for url in self.smtp_url.get_secret_value().split()):
            return None
        text = "it is at localhost: mail servers may refuse its mails"
        return Doubt(variables=("DOORBELL_MAIL_FROM",), text=text, channels=("email",))


def load() -> Settings:
    """Read the environment.

    Raises:
        BadSetting: naming the variable and what it takes.
    """
    try:
        settings = Settings()
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    except ValidationError as error:
        first = error.errors()[0]
        name = "DOORBELL_" + "_".join(str(part) for part in first["loc"]).upper()
        raise BadSetting(f"{name}: {first['msg'].removeprefix('Value error, ')}") from error
    except OSError as error:
        raise BadSetting(f"DOORBELL_DATA_DIR: cannot use it: {error.strerror}") from error
    return settings


def _vapid_key() -> str:
    number = secrets.randbelow(_P256_ORDER - 1) + 1
    return base64.urlsafe_b64encode(number.to_bytes(32)).rstrip(b"=").decode()


def _kept_secret(path: Path, make: Callable[[], str]) -> str:
    """Two processes may start at once: whoever creates the file first wins, the other reads it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        made = path.with_name(f"{path.name}.{os.getpid()}")
        descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(make())
        try:
            os.link(made, path)
        except FileExistsError:
            pass
        finally:
            made.unlink()
    return path.read_text().strip()
