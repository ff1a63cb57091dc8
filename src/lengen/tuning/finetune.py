"""Train on at longer lengths: the baseline of all other tunings."""

from __future__ import annotations

from lengen.tuning import Tuning


class Finetune(Tuning):
    """All parameters are trained further, on strings up to twice the trained length unless `train_length` says otherwise."""

    trains = ""
    steps = 200
    rate = 1e-3
