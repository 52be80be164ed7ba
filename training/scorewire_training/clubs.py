"""Clubs by the letters they go by now: one that moved, or is spelt in two ways, is one club and keeps its past."""

from __future__ import annotations

NOW = {"JAC": "JAX", "STL": "LA", "SD": "LAC", "OAK": "LV"}


def club(team: str) -> str:
    """The club that a table's letters stand for. The server has the same few."""
    return NOW.get(team, team)
