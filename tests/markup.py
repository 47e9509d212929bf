"""HTML read as a browser would: which elements it has, and what they refer to."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "img", "br", "hr", "input", "source"}
_REFERENCES = {"src", "href", "xlink:href", "action", "data", "poster", "srcset"}


@dataclass
class Page(HTMLParser):
    """The elements of a page, its texts, and every faulty nesting."""

    html: str
    elements: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.html)
        self.close()
        self.faults += [f"<{tag}> is never closed" for tag in self.open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take an element."""
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take an element without content."""
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """Close the element that was opened last."""
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> closes nothing")

    def handle_data(self, data: str) -> None:
        """Take a text."""
        self.texts.append(data)

    def every(self, tag: str) -> list[dict[str, str | None]]:
        """Tell the attributes of all elements of a kind."""
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def tags(self) -> set[str]:
        """The names of its elements."""
        return {tag for tag, _ in self.elements}

    @property
    def references(self) -> list[str]:
        """What it refers to."""
        return [
            value
            for _, attributes in self.elements
            for name, value in attributes.items()
            if name in _REFERENCES and value is not None
        ]

    @property
    def ids(self) -> list[str]:
        """The ids of its elements."""
        return [own["id"] or "" for _, own in self.elements if "id" in own]
