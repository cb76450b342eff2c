"""What an endpoint would be told of an alert, with a config as it is or as somebody thinks of changing it; nothing is sent."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from core.delivery.registry import CHANNELS
from core.errors import Invalid, NotFound
from core.settings import Settings


def preview(
    session: Session,
    channel: str,
    config: Mapping[str, Any],
    alert_id: str,
    *,
    settings: Settings,
) -> Mapping[str, Any]:
    """Object to field to value, as the other system would get them. Whether the viewer may see the alert is the caller's to ask.

    Raises:
        Invalid: the channel has no fields to choose, or the config is wrong, naming each.
        NotFound: there is no such alert.
    """
    kind = CHANNELS[channel].endpoint if channel in CHANNELS else None
    if kind is None or kind.preview is None or kind.about is None:
        able = sorted(name for name, one in CHANNELS.items() if one.endpoint and one.endpoint.preview)
        raise Invalid("There is nothing to preview.", fields={"channel": f"one of {', '.join(able)}"})
    wrong = {name: why for name, why in kind.check("", config, settings).items() if name.startswith("config.mapping")}
    if wrong:
        raise Invalid("The fields are not valid.", fields=wrong)
    known = kind.about(session, alert_id, None, settings)
    if known is None:
        raise NotFound("There is no such alert.")
    return kind.preview(known, config, settings)
