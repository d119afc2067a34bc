"""Signatures over headers that are already known (clouds.md A4). Pure: the instant is handed in."""
