"""The few kinds of error. Each message names the thing, what was found, what was expected and what to do."""


class BarberlabError(Exception):
    """Base of every error that a user of barberlab is meant to read."""


class BadInput(BarberlabError):
    """What was handed in cannot be used; nothing was changed. The command line exits with 2."""


class NotAvailable(BarberlabError):
    """The data do not hold what is asked for; `needs` says what would bring it.

    A page shows it as a dashed box and goes on with its next section.
    """

    def __init__(self, what: str, needs: str):
        super().__init__(f"{what}: not available: needs {needs}")
        self.what, self.needs = what, needs


class Busy(BarberlabError):
    """Another process is at work on the same network; nothing was changed."""


class Damaged(BarberlabError):
    """A stored file is not what its manifest says it is; it was not read."""


class GateFailed(BarberlabError):
    """A run did not pass a gate; it is kept and never published."""
