"""Errors that busicli raises on purpose; the command line prints each as one sentence."""


class BusicliError(Exception):
    """What could not be done, in one sentence: what came, what was needed, what to do."""

    exit_status = 1


class InputError(BusicliError):
    """A scan, data set, weights folder or setting is not what was needed."""


class UsageError(BusicliError):
    """The command line asks for something that does not go together."""

    exit_status = 2
