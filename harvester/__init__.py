"""Remembers how RetroAchievements stood: poll, normalise, keep history, ask."""

__version__ = "0.1.0"
