"""Curves made up for tests."""

from lengen.records.curve import Curve, Row
from lengen.statistics.intervals import clopper_pearson


def row(
    length: int,
    share: float,
    *,
    examples: int = 1000,
    train_length: int = 10,
    pe: str = "nope",
    **other: object,
) -> Row:
    """A row with a share of its examples right."""
    correct = round(share * examples)
    low, high = clopper_pearson(correct, examples)
    values: dict[str, object] = {
        "task": "addition",
        "pe": pe,
        "positions": "contiguous",
        "attention": "softmax",
        "extend": "none",
        "decoder": "tiny",
        "cell": "0123abcdef",
        "seed": 3,
        "step": 5000,
        "checkpoint": "last",
        "decode": "teacher",
        "train_length": train_length,
        "length": length,
        "split": "id" if length <= train_length else "ood",
        "examples": examples,
        "correct": correct,
        "exact_match": correct / examples,
        "ci_low": low,
        "ci_high": high,
        "token_accuracy": 0.5 + share / 2,
        "loss": (1 - share) / 3,
        "first_error": None if correct == examples else length / 7,
        "seconds": 0.123456789,
        "peak_bytes": 987_654_321,
        "stopped_early": 0,
        "ran_on": 0,
        "never_ended": 0,
        "wrong_token": examples - correct,
        "chance_exact_match": 0.001,
        "chance_token_accuracy": 0.325,
        "memory_bytes": 123_456_789,
        "loops": 2.5,
    }
    return Row(**{**values, **other})  # type: ignore[arg-type]


def curve(shares: dict[int, float], **other: object) -> Curve:
    """A curve from the share of right answers at each length."""
    return Curve(tuple(row(length, share, **other) for length, share in shares.items()))  # type: ignore[arg-type]
