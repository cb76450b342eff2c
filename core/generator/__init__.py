"""A made-up world with known truth: contacts whose latent intents drive what they are seen to do. Knows no database."""

from core.generator.hazards import INTENTS
from core.generator.world import Happened, LifeEvent, Sent, Truth, World, generate

__all__ = ["INTENTS", "Happened", "LifeEvent", "Sent", "Truth", "World", "generate"]
