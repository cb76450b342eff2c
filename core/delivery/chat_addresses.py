"""The address of a chat from what its service shows people, each part by the service's own name for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from core.delivery.chatting import SERVICES
from core.errors import Invalid


@dataclass(frozen=True, kw_only=True)
class Part:
    """One thing to enter."""

    name: str
    label: str
    """As the service calls it."""
    placeholder: str
    is_secret: bool = True
    default: str = ""


def _url(label: str, placeholder: str) -> tuple[Part, ...]:
    return (Part(name="url", label=label, placeholder=placeholder),)


PARTS: Mapping[str, tuple[Part, ...]] = {
    "slack": _url("Incoming webhook URL", "https://hooks.slack.com/services/T…/B…/…"),
    "teams": _url("Webhook URL of the workflow", "https://….api.powerplatform.com/…/workflows/…"),
    "discord": _url("Webhook URL", "https://discord.com/api/webhooks/…/…"),
    "telegram": (
        Part(name="token", label="Bot token", placeholder="110201543:AAHdqTcv…"),
        Part(name="chat", label="Chat ID", placeholder="-1001234567890 or @channel", is_secret=False),
    ),
    "googlechat": _url("Webhook URL", "https://chat.googleapis.com/v1/spaces/…"),
    "mattermost": _url("Incoming webhook URL", "https://chat.example.com/hooks/…"),
    "rocketchat": _url("Webhook URL", "https://chat.example.com/hooks/…/…"),
    "ntfy": (
        Part(name="server", label="Server", placeholder="https://ntfy.sh", is_secret=False, default="https://ntfy.sh"),
        Part(name="topic", label="Topic", placeholder="a name nobody guesses"),
    ),
    "matrix": (
        Part(name="server", label="Homeserver", placeholder="https://matrix.example.com", is_secret=False),
        Part(name="room", label="Internal room ID", placeholder="!abc:example.com", is_secret=False),
        Part(name="token", label="Access token", placeholder="syt_…"),
    ),
}
"""By service, in the order in which they are entered."""


def compose(service: str, values: Mapping[str, str]) -> str:
    """The address as core.delivery.chatting takes it, which checks it further; one that is whole already stays.

    Raises:
        Invalid: naming each part that is missing or no web address.
    """
    given = {part.name: values.get(part.name, "").strip() for part in PARTS[service]}
    wrong = {part.name: f"enter the {_inside(part.label)}" for part in PARTS[service] if not given[part.name]}
    by_server = service in ("ntfy", "matrix")
    where = "server" if by_server else "url"
    whole = given.get(where, "")
    written = whole.partition("://")[0] in SERVICES[service].schemes
    if not wrong and (by_server or service in _HOOKS) and not written and not _host(whole):
        wrong[where] = "a whole address, as in https://chat.example.com/…"
    if wrong:
        raise Invalid(f"{SERVICES[service].label} needs more than this.", fields=wrong)
    if service == "telegram":
        return f"tgram://{given['token']}/{given['chat']}"
    if service == "ntfy":
        return f"{_scheme('ntfy', whole)}://{_host(whole)}/{given['topic'].strip('/')}"
    if service == "matrix":
        return f"{_scheme('matrix', whole)}://{quote(given['token'], safe='')}@{_host(whole)}/{given['room']}"
    return _HOOKS[service](whole) if service in _HOOKS and not written else whole


def _mattermost(url: str) -> str:
    before, _, token = urlsplit(url).path.rpartition("/hooks/")
    return f"{_scheme('mmost', url)}://{_host(url)}{before}/{token.strip('/')}"


def _rocketchat(url: str) -> str:
    _, _, tokens = urlsplit(url).path.rpartition("/hooks/")
    return f"{_scheme('rocket', url)}://{tokens.strip('/')}@{_host(url)}"


_HOOKS = {"mattermost": _mattermost, "rocketchat": _rocketchat}
"""Services that people run themselves: only the path tells a webhook of theirs."""


def _is_web(url: str) -> bool:
    return url.startswith(("https://", "http://"))


def _scheme(name: str, url: str) -> str:
    return f"{name}s" if url.startswith("https://") else name


def _host(url: str) -> str:
    """With its port; empty where there is none."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2] if _is_web(url) else ""
    except ValueError:
        return ""


def _inside(label: str) -> str:
    """As it stands in a sentence: "incoming webhook URL", "chat ID"."""
    return label[:1].lower() + label[1:]
