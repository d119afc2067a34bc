"""What can go wrong when servers are started."""


class EmbeddedError(Exception):
    """A server or a directory of the embedded engine is not usable; the message tells the operator why."""
