"""Recorded streams of somebody else's events, read through a mapping file into events of ours."""

from core.replay.mapping import Mapping, load
from core.replay.reading import Stream, read

__all__ = ["Mapping", "Stream", "load", "read"]
