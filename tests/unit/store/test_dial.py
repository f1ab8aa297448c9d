"""The AI dial in SQL, against the same rules said once more in plain Python, on both databases."""
from __future__ import annotations

import contextlib
import datetime as dt
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from fedisora.db import Database, Instance, UnitOfWork
from fedisora.models import Actor, Base, Follow, Mention, Status
from fedisora.provenance.dial import MADE, Dial, sieve
from fedisora.settings import load_settings
from fedisora.store import statuses
from fedisora.store.paging import Page
from fedisora.uris import Uris
from fedisora.vault import Vault
from tests.support import databases, environment

ME, FRIEND, STRANGER, BOT = 1, 2, 3, 4
AI = ("machine", "mixed")


@dataclass(frozen=True)
class Post:
    """What the rules look at: a post, or a boost of `of`."""

    id: int
    author: int
    made: str | None = None
    of: Post | None = None
    quotes: Post | None = None
    agreed: bool = True
    names_me: bool = False


def allowed(post: Post, dial: Dial, *, viewer: int | None, ai_free: bool, text: bool) -> bool:
    """Whether one post that is no boost may be shown: the dial's rules in plain words."""
    if post.author == viewer:
        return True
    followed = viewer is not None and post.author in (FRIEND, BOT)
    if not dial.bots and post.author == BOT:
        return False
    if post.made is None:
        return dial.stop != 4 or not text
    if post.made in ("mixed", "undeclared", "procedural") and not getattr(dial, post.made):
        return False
    is_ai = post.made in AI
    if ai_free and is_ai and not followed:
        return False
    return {0: not is_ai, 1: not is_ai or followed, 2: True, 3: is_ai or followed, 4: is_ai}[dial.stop]


def shown(post: Post, dial: Dial, viewer: int | None, ai_free: bool) -> bool:
    """The oracle for a row of a list."""
    if viewer is not None and (post.author == viewer or post.names_me):
        return True
    if post.of is not None and not dial.bots and post.author == BOT:
        return False
    judged = post.of or post
    if not allowed(judged, dial, viewer=viewer, ai_free=ai_free, text=True):
        return False
    return judged.quotes is None or not judged.agreed or allowed(judged.quotes, dial, viewer=viewer, ai_free=ai_free, text=False)


def every_kind() -> list[Post]:
    """Every author with every kind of file; each boosted and quoted by a friend and a bot; some that name the viewer."""
    ids = itertools.count(100)
    plain = [Post(next(ids), author, made) for author in (ME, FRIEND, STRANGER, BOT) for made in (None, *MADE)]
    quoting = [Post(next(ids), FRIEND, made, quotes=post, agreed=agreed)
               for post in plain for made, agreed in ((None, True), ("machine", True), (None, False))]
    boosts = [Post(next(ids), booster, of=post) for post in (*plain, *quoting[::2]) for booster in (ME, FRIEND, BOT)]
    named = [Post(next(ids), STRANGER, made, names_me=True) for made in MADE]
    return [*plain, *quoting, *boosts, *named]


POSTS = every_kind()
WHEN = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)


@contextlib.contextmanager
def town(folder: Path, url: str) -> Iterator[Database]:
    given = load_settings(folder, base_url="https://here.example", database_url=url)
    database = Database(Instance(given, Uris(given.base_url), Vault.open(folder)))
    try:
        Base.metadata.create_all(database.engine)
        database.write_now(fill)
        yield database
    finally:
        database.close()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def full(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A database with every kind of post, for the whole module: nothing here changes it."""
    folder = tmp_path_factory.mktemp("dial")
    if request.param == "sqlite":
        with town(folder, "") as database:
            yield database
        return
    environment.require("postgresql")
    with databases.postgres_database(environment.POSTGRES) as url, town(folder, url) as database:
        yield database


def fill(uow: UnitOfWork) -> None:
    for number, kind in ((ME, None), (FRIEND, "human"), (STRANGER, None), (BOT, "agent")):
        uow.session.add(Actor(
            id=number, uri=f"https://x.example/u{number}", username=f"u{number}", username_key=f"u{number}",
            domain="" if number == ME else "x.example", kind=kind,
            type="Service" if kind == "agent" else "Person", updated_at=WHEN,
            created_at=WHEN))
    uow.session.flush()
    for number in (FRIEND, BOT):
        uow.session.add(Follow(id=number, actor_id=ME, target_id=number, uri=f"f{number}", state="accepted", created_at=WHEN))
    # somebody else follows the stranger: that must not count as the viewer's
    uow.session.add(Follow(id=9, actor_id=FRIEND, target_id=STRANGER, uri="f9", state="accepted", created_at=WHEN))
    uow.session.add(Follow(id=10, actor_id=ME, target_id=STRANGER, uri="f10", state="pending", created_at=WHEN))
    for post in POSTS:
        uow.session.add(Status(
            id=post.id, uri=f"s{post.id}", actor_id=post.author, local=post.author == ME, made=post.made, created_at=WHEN,
            reblog_of_id=post.of.id if post.of else None, quote_of_id=post.quotes.id if post.quotes else None,
            quote_state=None if post.quotes is None else "accepted" if post.agreed else "pending"))
        uow.session.flush()
        if post.names_me:
            uow.session.add(Mention(status_id=post.id, actor_id=ME))


dials = st.builds(Dial, stop=st.integers(0, 4), bots=st.booleans(), mixed=st.booleans(), undeclared=st.booleans(),
                  procedural=st.booleans())


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(dial=dials, ai_free=st.booleans(), anonymous=st.booleans())
def test_lists_are_what_the_rules_say(full: Database, dial: Dial, ai_free: bool, anonymous: bool) -> None:
    viewer = None if anonymous else ME
    through = sieve(dial, ai_free=ai_free)
    page = Page(limit=1000)
    public = full.read_now(lambda session: {row.id for row in statuses.public(session, page, viewer_id=viewer, sieve=through)})
    assert public == {post.id for post in POSTS if post.of is None and shown(post, dial, viewer, ai_free)}
    home = full.read_now(lambda session: {row.id for row in statuses.home(session, ME, page, sieve=through)})
    assert home == {post.id for post in POSTS if post.author in (ME, FRIEND, BOT) and shown(post, dial, ME, ai_free)}


@pytest.mark.parametrize("others", [Dial(0), Dial(0, bots=False), Dial(0, mixed=False)])
def test_at_the_first_stop_no_list_shows_ai_of_others(full: Database, others: Dial) -> None:
    """Neither as a post, nor boosted, nor quoted."""
    by_id = {post.id: post for post in POSTS}
    rows = full.read_now(lambda session: [
        *statuses.home(session, ME, Page(limit=1000), sieve=sieve(others)),
        *statuses.public(session, Page(limit=1000), viewer_id=ME, sieve=sieve(others))])
    for row in rows:
        post = by_id[row.id]
        if post.author == ME or post.names_me:
            continue
        for one in (post.of or post, (post.of or post).quotes):
            if one is not None and one.author != ME and (one is post or post.of is one or (post.of or post).agreed):
                assert one.made not in AI


def test_pages_are_full_and_follow_each_other(full: Database) -> None:
    """Filtering happens in the database: a page is short only at the end."""
    through = sieve(Dial(0, bots=False))
    whole = full.read_now(lambda session: [row.id for row in statuses.home(session, ME, Page(limit=1000), sieve=through)])
    assert len(whole) > 20
    seen: list[int] = []
    while True:
        page = Page(limit=7, max_id=seen[-1] if seen else None)
        rows = full.read_now(lambda session, page=page: statuses.home(session, ME, page, sieve=through))
        seen += [row.id for row in rows]
        if len(rows) < 7:
            break
    assert seen == whole
    assert whole == sorted(whole, reverse=True)


def test_the_setting_as_it_comes_asks_nothing_more(full: Database) -> None:
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement.partition("WHERE")[2])

    event.listen(full.engine, "before_cursor_execute", note)
    try:
        full.read_now(lambda session: (statuses.home(session, ME, Page(), sieve=sieve(Dial())),
                                       statuses.public(session, Page(), viewer_id=ME, sieve=sieve(None))))
    finally:
        event.remove(full.engine, "before_cursor_execute", note)
    assert asked
    assert not any("made" in where or "mentions" in where.partition("visibility")[0] for where in asked)
