"""The errors that carry a sentence for whoever asked.

A rule raises one of these where it is broken; a door (command line, HTTP) translates it once: the sentence is
the message, the class decides the status or exit code. Nothing else that is raised is shown to a user.
"""

from __future__ import annotations


class Refusal(Exception):
    """What was asked cannot be done; ``str(refusal)`` is one sentence that names the place and what to do."""


class Invalid(Refusal):
    """A value, a file or a combination of options is wrong."""


class NotFound(Refusal):
    """The thing that was named does not exist (or must not be seen by whoever asks)."""


class Conflict(Refusal):
    """What is asked contradicts something that exists already."""


class Forbidden(Refusal):
    """Whoever asks may not do this."""


class Unauthenticated(Refusal):
    """It is not known who asks: what they show is missing, wrong or does not count any more."""


class Unavailable(Refusal):
    """Something that is needed (a database, a target system) does not answer now."""
