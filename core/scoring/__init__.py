"""Scoring: features as they stood, four intents' models as tables, and explanations that add up exactly."""
