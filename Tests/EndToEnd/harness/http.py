"""Heads taken apart, for assertions."""

from dataclasses import dataclass, field


@dataclass
class Head:
    first: str
    fields: list = field(default_factory=list)

    @property
    def status(self):
        return int(self.first.split(" ", 2)[1])

    def all(self, name):
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def get(self, name):
        values = self.all(name)
        assert len(values) < 2, f"{name} stands {len(values)} times: {values}"
        return values[0] if values else None


def parse_head(data):
    """The head at the beginning of `data`, and the bytes behind it."""
    head, separator, rest = data.partition(b"\r\n\r\n")
    assert separator, f"no whole head: {data!r}"
    first, *lines = head.decode("latin-1").split("\r\n")
    fields = []
    for line in lines:
        name, colon, value = line.partition(":")
        assert colon and name == name.strip(), f"a bad field line {line!r}"
        fields.append((name, value.strip()))
    return Head(first, fields), rest
