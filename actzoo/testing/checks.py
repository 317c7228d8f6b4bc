"""A check: a name and a call that raises when the promise does not hold."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from actzoo import errors


class CheckFailedError(errors.ActzooError, AssertionError):
    """A contract does not hold."""


@dataclasses.dataclass(frozen=True)
class Check:
    """One contract of one subject.

    Attributes:
        subject: What is checked, such as an activation's name.
        name: What is promised.
        run: Raises `CheckFailedError` when it does not hold.
        hint: Where to look when it fails with an error of another kind.
    """

    subject: str
    name: str
    run: Callable[[], None]
    hint: str = "Is it written in keras.ops, for tensors of any shape?"

    def __call__(self) -> None:
        """Run the check.

        Raises:
            CheckFailedError: The promise does not hold, or the subject fails on the way.
        """
        try:
            self.run()
        except errors.ActzooError:
            raise
        except Exception as error:
            first = next((line for line in str(error).splitlines() if line.strip()), "")
            raise CheckFailedError(
                f"{self}: {type(error).__name__}: {errors.shown(first, 300)}\n{self.hint}",
                given=self.subject,
            ) from error

    def __str__(self) -> str:
        return f"{self.subject}-{self.name}"
