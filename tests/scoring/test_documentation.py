"""What is scored is written down: every signal, feature and intent stands in docs/scoring.md."""

from pathlib import Path

from core import traffic
from core.scoring import features, prior
from core.signals import registry

PAGE = (Path(__file__).parents[2] / "docs" / "scoring.md").read_text()


def test_every_signal_feature_and_story_is_documented() -> None:
    for definition in registry.definitions():
        assert f"| {definition.type} | {definition.category.value} |" in PAGE
    for feature in features.FEATURES:
        assert f"| `{feature.name}` | {feature.label}" in PAGE
    for intent in prior.STORIES:
        assert f"| {intent.value} |" in PAGE


def test_every_likelihood_ratio_is_documented() -> None:
    for name, ratio in traffic.RATIOS.items():
        assert f"| `{name}` | {ratio:,.0f} |" in PAGE
