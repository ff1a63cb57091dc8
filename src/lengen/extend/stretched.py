"""Extensions that stretch by a factor: a given one, or that of the evaluated length."""

from __future__ import annotations

from lengen.extend import Extension, Sizes


class Stretched(Extension):
    """Base class of extensions with an option `factor`, at least 1; None takes the evaluated number of tokens divided by the trained one."""

    factor: float | None

    def stretch(self, sizes: Sizes) -> float:
        """Return the factor at these lengths."""
        return self.factor or sizes.stretch

    def changes_nothing(self, sizes: Sizes) -> bool:
        """With a factor of 1."""
        return self.stretch(sizes) == 1
