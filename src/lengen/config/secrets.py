"""Secrets that a command line may have: what a run leaves is passed on, and has none of them. Imports no torch."""

from __future__ import annotations

import os
import re

LOGIN = re.compile(r"://[^\s/@'\"]+@")
"""User, password or token before the host of a URL."""
NAMES = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?)$", re.IGNORECASE)
"""Environment variables that hold a secret, such as WANDB_API_KEY and HF_TOKEN."""
SHORTEST = 8
"""Fewest characters of a secret: shorter values occur in other words by chance."""
HIDDEN = "***"


def without_secrets(text: str) -> str:
    """Return a text without logins in URLs and without the values of secret environment variables.

    >>> without_secrets("hydra.sweeper.storage=postgresql://me:hunter2@host/db")
    'hydra.sweeper.storage=postgresql://***@host/db'
    """
    text = LOGIN.sub(f"://{HIDDEN}@", text)
    for name, value in os.environ.items():
        if NAMES.search(name) and len(value) >= SHORTEST:
            text = text.replace(value, HIDDEN)
    return text
