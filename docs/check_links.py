"""Every link of the built pages leads somewhere, and no page fetches anything from elsewhere.

    python docs/check_links.py build/docs

Links to other sites are not followed: whether those are up says nothing about this tree.
"""

import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# What a browser fetches by itself, and what it goes to when it is told.
FETCHED = {"img": "src", "script": "src", "source": "src", "iframe": "src", "link": "href"}
FOLLOWED = {"a": "href"}


class Page(HTMLParser):
    """The anchors and the links of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.anchors = {""}
        self.links: list[tuple[str, bool]] = []  # and whether they are fetched
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what the tag refers to, and what can refer to it."""
        of = dict(attrs)
        self.anchors |= {v for k, v in attrs if k in {"id", "name"} and v}
        for kinds, fetched in ((FETCHED, True), (FOLLOWED, False)):
            if (target := of.get(kinds.get(tag, ""))) and of.get("rel") != "canonical":
                self.links.append((target, fetched))


def broken(root: Path) -> Iterator[str]:
    """What is wrong, a line each."""
    pages = {path.resolve(): Page(path) for path in sorted(root.rglob("*.html"))}
    if not pages:
        yield f"{root} has no pages"
    for path, page in pages.items():
        for link, fetched in page.links:
            parts = urlsplit(link)
            if parts.scheme in {"http", "https"} or parts.netloc:
                if fetched:
                    yield f"{path.name}: fetches {link}"
                continue
            if parts.scheme:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.exists():
                yield f"{path.name}: {link} is not there"
            elif target in pages and unquote(parts.fragment) not in pages[target].anchors:
                yield f"{path.name}: {link} has no such anchor"


if __name__ == "__main__":
    found = list(broken(Path(sys.argv[1])))
    print("\n".join(found) or "every link leads somewhere")
    sys.exit(bool(found))
