"""A made-up world with known truth: contacts whose latent intents drive what they are seen to do. Knows no database."""

from core.generator.hazards import HORIZON_DAYS, INTENTS
from core.generator.world import Happened, LifeEvent, Sent, Truth, World, generate

__all__ = ["HORIZON_DAYS", "INTENTS", "Happened", "LifeEvent", "Sent", "Truth", "World", "generate"]
