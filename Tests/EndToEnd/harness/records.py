"""The line of an ended connection."""


class Record:
    """A log line whose fields are attributes; one that isn't there is an assertion error."""

    def __init__(self, line):
        self.line = line

    def __getattr__(self, name):
        if name.startswith("__") or "line" not in self.__dict__:
            raise AttributeError(name)
        assert name in self.line, f"the log line has no field {name}: {self.line}"
        return self.line[name]

    def __repr__(self):
        return f"Record({self.line})"

    @property
    def ended(self):
        """Who ended it, in which phase, why."""
        return (self.who, self.phase, self.cause)
