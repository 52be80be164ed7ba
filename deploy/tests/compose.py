"""deploy/compose.yaml, anchors and merges resolved as Compose does."""

import functools

import yaml

from repository import DEPLOY


@functools.cache
def document() -> dict:
    """All of it."""
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def scorewires() -> dict[str, dict]:
    """The services that are this program."""
    return {name: service for name, service in document()["services"].items() if service["image"].startswith("scorewire")}
