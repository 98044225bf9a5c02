"""Waiting for conditions instead of sleeping for a guess."""

import time


class Never(AssertionError):
    """A condition that didn't come true in its time."""


def eventually(condition, seconds=5.0, what=None):
    """Calls `condition` until it answers something true, and returns that.

    An assertion error or OSError in it counts as "not yet"; the last one is told when time is up.
    """
    end = time.monotonic() + seconds
    pause = 0.002
    while True:
        error = None
        try:
            answer = condition()
            if answer:
                return answer
        except (AssertionError, OSError) as caught:
            answer, error = None, caught
        if time.monotonic() > end:
            name = what or getattr(condition, "__doc__", None) or "the condition"
            raise Never(f"not within {seconds} s: {name}; last seen: {error or answer!r}") from error
        time.sleep(pause)
        pause = min(pause * 2, 0.05)
