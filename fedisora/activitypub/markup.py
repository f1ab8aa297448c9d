"""THE sanitiser, and text to HTML and back. Every piece of HTML that our own templates did not write goes through here.

Allow-list after Mastodon's `Sanitize::Config::MASTODON_STRICT`. Parsing is html5ever's (through nh3), never a regex
over untrusted HTML. `invisible` and `ellipsis` shorten links: style sheets must honour them only inside `a`, or a post
could hide its own AI label.
"""
from __future__ import annotations

import html as html_entities
import re
from collections.abc import Callable, Mapping

import nh3

MAX_HTML = 65_536
"""Characters of HTML read; the rest is cut. html5ever is quadratic for thousands of unclosed formatting elements."""
MAX_TEXT = 65_536

_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
TAGS = frozenset({"p", "br", "a", "span", "del", "s", "strong", "b", "em", "i", "u", "pre", "code", "blockquote",
                  "ul", "ol", "li"})
CLASSES = frozenset({"mention", "hashtag", "u-url", "h-card", "ellipsis", "invisible", "quote-inline"})
LINK_REL = "nofollow noopener noreferrer"
_DROP_WITH_CONTENT = {"script", "style", "template", "noscript", "iframe", "object", "math", "svg"}

_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_BIDI_OVERRIDES = re.compile("[\u202a-\u202e]")
_BIDI_ALL = re.compile("[\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060\u2066-\u2069\ufeff\U000e0001]")

# Combining marks count as letters of a hashtag (Devanagari, Thai, Arabic …), as in Mastodon; Python's \w lacks them.
_MARKS = ("\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670"
          "\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u0900-\u0963\u0966-\u0dff\u0e31-\u0e3a\u0e47-\u0e4e"
          "\u0eb1-\u0ebc\u0ec8-\u0ecd\u0f71-\u0f84\u102b-\u103e\u17b4-\u17d3\u200c\u200d\u3099\u309a")
_WORD = rf"[\w{_MARKS}]"
_HANDLE = (r"@(?P<user>[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,62}[A-Za-z0-9_])?)"
           r"(?:@(?P<host>\w(?:[\w.-]{0,251}\w)?(?::\d{1,5})?))?(?![\w@])")
_HASHTAG = rf"[#＃](?P<tag>(?=[\d_]{{0,100}}[^\W\d_]){_WORD}{{1,100}})(?!{_WORD})"
_URL = r"(?P<url>https?://[^\s<>\"\x00-\x1f]{1,2048})"
_ENTITY = re.compile(rf"(?<![\w/@]){_URL}|(?<![\w/@.=]){_HANDLE}|(?<![\w/&#＃]){_HASHTAG}")
_TRAILING = ".,:;!?'\u2019\u201d»…*_~"


def _attribute(tag: str, name: str, value: str) -> str | None:
    if name == "href":
        return value if value.lower().startswith(("http://", "https://", "mailto:")) else None
    if name == "class":
        allowed = {"quote-inline"} if tag == "p" else CLASSES
        kept = [token for token in value.split() if token in allowed]
        return " ".join(kept) or None
    if name == "translate":
        return value if value == "no" else None
    return value if value.isdecimal() and len(value) <= 6 else None  # start and value of lists


_CLEANER = nh3.Cleaner(
    tags=set(TAGS | _HEADINGS),
    clean_content_tags=_DROP_WITH_CONTENT,
    attributes={"a": {"href", "class", "translate"}, "span": {"class", "translate"}, "p": {"class"}, "ol": {"start"},
                "li": {"value"}},
    attribute_filter=_attribute,
    link_rel=LINK_REL,
    set_tag_attribute_values={"a": {"target": "_blank"}},
    url_schemes={"http", "https", "mailto"},
)
_BARE = nh3.Cleaner(tags={"p", "br", "li", "blockquote", "pre"} | set(_HEADINGS), clean_content_tags=_DROP_WITH_CONTENT,
                    attributes={}, link_rel=None)


def sanitize(html: str) -> str:
    """HTML that may be shown: allow-listed elements, http(s) and mailto links, headings as bold paragraphs.

    Bounded in time by `MAX_HTML`; never raises. Sanitising twice changes nothing.
    """
    out = _CLEANER.clean(_tidy(html[:MAX_HTML]))
    if "<h" in out:
        # `out` is well-formed and its headings carry no attributes, so a plain replacement is exact; cleaning again
        # mends the nesting of a heading that held a paragraph.
        for tag in _HEADINGS:
            out = out.replace(f"<{tag}>", "<p><strong>").replace(f"</{tag}>", "</strong></p>")
        out = _CLEANER.clean(out)
    return _tidy(out)


def plain_text(html: str) -> str:
    """The text of HTML, for search, previews and notifications: paragraphs and line breaks kept, entities decoded."""
    bare = _BARE.clean(_tidy(html[:MAX_HTML]))
    bare = re.sub(r"\s+", " ", bare)
    bare = re.sub(r"<br>", "\n", bare)
    bare = re.sub(r"</(?:p|blockquote|pre|h[1-6])>", "\n\n", bare)
    bare = re.sub(r"</li>", "\n", bare)
    # Only the attribute-free elements above are left, so this is exact.
    text = _tidy(html_entities.unescape(re.sub(r"</?(?:p|br|li|blockquote|pre|h[1-6])>", "", bare)))
    text = re.sub(r"[ \t]*\n[ \t]*", "\n", text)
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def text_to_html(text: str, mention_links: Mapping[str, str],
                 hashtag_url: Callable[[str], str]) -> tuple[str, list[str]]:
    """The HTML of what a person typed, and its hashtags (without `#`, as typed, each once).

    Args:
        mention_links: profile URL per handle as `find_mentions` gives it; case is ignored; others stay text.
        hashtag_url: URL of the page of a hashtag.
    """
    links = {handle.lower(): url for handle, url in mention_links.items()}
    hashtags: dict[str, str] = {}

    def line(source: str) -> str:
        out, at = [], 0
        for match in _ENTITY.finditer(source):
            if match.start() < at:
                continue
            out.append(_escape(source[at:match.start()]))
            at = match.end()
            if match["url"]:
                url = _trim_url(match["url"])
                at = match.start() + len(url)
                out.append(_link(url))
            elif match["tag"]:
                tag = match["tag"]
                hashtags.setdefault(tag.casefold(), tag)
                address = _escape(hashtag_url(tag))
                out.append(f'<a href="{address}" class="mention hashtag" rel="tag">#{_escape(tag)}</a>')
            else:
                url = links.get(_handle(match).lower(), "")
                out.append(_mention(match["user"], url) if url else _escape(match.group()))
        out.append(_escape(source[at:]))
        return "".join(out)

    cleaned = _tidy(text[:MAX_TEXT]).replace("\r\n", "\n").replace("\r", "\n").strip()
    paragraphs = [part for part in re.split(r"\n{2,}", cleaned) if part.strip()]
    html = "".join(f"<p>{'<br>'.join(map(line, paragraph.split(chr(10))))}</p>" for paragraph in paragraphs)
    return html, list(hashtags.values())


def find_mentions(text: str) -> list[str]:
    """Handles named in a text, each once: `user` or `user@host` (host in lower case)."""
    found: dict[str, str] = {}
    for match in _ENTITY.finditer(text[:MAX_TEXT]):
        if match["user"]:
            handle = _handle(match)
            found.setdefault(handle.lower(), handle)
    return list(found.values())


def clean_line(text: str, limit: int) -> str:
    """One line for names and titles: no controls, bidi marks or zero-width characters, at most `limit` characters."""
    cleaned = _BIDI_ALL.sub("", _CONTROLS.sub(" ", text[:limit * 4 + 64]))
    return " ".join(cleaned.split())[:limit].rstrip()


def _tidy(text: str) -> str:
    return _BIDI_OVERRIDES.sub("", _CONTROLS.sub("", text))


def _escape(text: str) -> str:
    return html_entities.escape(text, quote=True)


def _handle(match: re.Match[str]) -> str:
    return f"{match['user']}@{match['host'].lower()}" if match["host"] else match["user"]


def _mention(user: str, url: str) -> str:
    return (f'<span class="h-card" translate="no"><a href="{_escape(url)}" class="u-url mention">@<span>{_escape(user)}'
            "</span></a></span>")


def _trim_url(url: str) -> str:
    while True:
        short = url.rstrip(_TRAILING)
        for opening, closing in ("()", "[]", "{}"):
            if short.endswith(closing) and short.count(closing) > short.count(opening):
                short = short[:-1]
        if short == url:
            return url
        url = short


def _link(url: str) -> str:
    rest = url.partition("://")[2]
    shown = rest[4:] if rest.startswith("www.") else rest
    prefix = url[:len(url) - len(shown)]
    middle, hidden = shown[:30], shown[30:]
    text = f"<span>{_escape(middle)}</span>"
    if hidden:
        text = f'<span class="ellipsis">{_escape(middle)}</span><span class="invisible">{_escape(hidden)}</span>'
    return (f'<a href="{_escape(url)}" rel="{LINK_REL}" target="_blank" translate="no">'
            f'<span class="invisible">{prefix}</span>{text}</a>')
