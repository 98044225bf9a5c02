"""The line of an ended connection; the only place that knows the names of its fields."""


class Record:
    """Fields of a log line by name, `record.who`; nested objects are joined by `_`."""

    def __init__(self, line):
        self.line = line
        self.flat = {}
        self._flatten("", line)

    def _flatten(self, prefix, part):
        for key, value in part.items():
            if isinstance(value, dict):
                self._flatten(f"{prefix}{key}_", value)
            else:
                self.flat[prefix + key] = value

    def __getattr__(self, name):
        if name.startswith("__") or "flat" not in self.__dict__:
            raise AttributeError(name)
        if name not in self.flat:
            raise AssertionError(f"the log line has no field {name}: {self.line}")
        return self.flat[name]

    def __repr__(self):
        return f"Record({self.line})"

    @property
    def ended(self):
        """Who ended it, in which phase, why."""
        return (self.who, self.phase, self.why)
