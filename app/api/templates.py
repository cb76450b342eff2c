"""How messages look: each template by each channel in each language, with a made-up contact."""

from typing import Annotated

from fastapi import APIRouter, Query

from app.api.deps import Admin, Camel, Now
from core.delivery import previewing
from core.delivery.preferences import LANGUAGES

router = APIRouter(prefix="/templates", tags=["templates"])


class TemplateOut(Camel):
    name: str
    label: str
    channels: list[str]
    languages: list[str]


class TemplateList(Camel):
    items: list[TemplateOut]
    next_cursor: None = None


class PreviewOut(Camel):
    name: str
    channel: str
    language: str
    subject: str = ""
    title: str = ""
    text: str = ""
    html: str = ""


@router.get("", summary="The messages there are")
def list_templates(viewer: Admin) -> TemplateList:
    return TemplateList(
        items=[
            TemplateOut(name=name, label=one.label, channels=previewing.channels(), languages=list(LANGUAGES))
            for name, one in previewing.TEMPLATES.items()
        ]
    )


@router.get("/{name}/preview", summary="One message as a channel would send it")
def preview(
    name: str,
    viewer: Admin,
    now: Now,
    channel: Annotated[str, Query(max_length=32)] = "email",
    language: Annotated[str, Query(max_length=8)] = "en",
) -> PreviewOut:
    """Nothing is sent, and nobody in it exists. Parts that a channel does not have are empty."""
    parts = previewing.preview(name, channel=channel, language=language, now=now)
    return PreviewOut(name=name, channel=channel, language=language, **parts)
