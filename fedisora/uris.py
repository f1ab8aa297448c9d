"""Every URL we mint or recognise. Nothing else builds or takes apart a URL of this instance."""
from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

from .activitypub.parse import host_of
from .errors import Malformed

USERNAME = re.compile(r"[A-Za-z0-9_]{1,30}\Z")


@dataclass(frozen=True)
class Uris:
    """URLs of one instance. `base` is its origin without a trailing slash."""

    base: str

    @property
    def host(self) -> str:
        """Domain of our handles: host, with the port when it is not the scheme's own."""
        return urlsplit(self.base).netloc

    def is_local(self, uri: str) -> bool:
        """Whether a URL is on this host, however it is spelled: case, trailing dot, default port of either scheme."""
        if uri == self.base or uri.startswith(self.base + "/"):
            return True
        if uri.isascii() and (urlsplit(self.base).hostname or "") not in uri.lower():
            return False  # the usual case, without taking the URL apart
        try:
            host = host_of(uri)
            return host == host_of(self.base) and (":" not in host or urlsplit(uri).scheme == urlsplit(self.base).scheme)
        except Malformed:
            return False

    def absolute(self, path: str) -> str:
        return self.base + path

    # actors
    def actor(self, name: str) -> str:
        return f"{self.base}/users/{name}"

    @property
    def instance_actor(self) -> str:
        return f"{self.base}/actor"

    def inbox(self, actor: str) -> str:
        return f"{actor}/inbox"

    def outbox(self, actor: str) -> str:
        return f"{actor}/outbox"

    def followers(self, actor: str) -> str:
        return f"{actor}/followers"

    def following(self, actor: str) -> str:
        return f"{actor}/following"

    def featured(self, actor: str) -> str:
        return f"{actor}/collections/featured"

    def followers_synchronization(self, actor: str) -> str:
        """Where another server reads which of its accounts follow an actor (FEP-8fcf)."""
        return f"{actor}/followers_synchronization"

    @property
    def shared_inbox(self) -> str:
        return f"{self.base}/inbox"

    def main_key(self, actor: str) -> str:
        """Id of the RSA key that signs HTTP requests (a fragment of the actor id: snac2 wants that)."""
        return f"{actor}#main-key"

    def proof_key(self, actor: str, generation: int = 1) -> str:
        """Id of the Ed25519 Multikey that signs documents. A later key gets an id of its own: what the former one signed names
        the former one."""
        return f"{actor}#ed25519" if generation == 1 else f"{actor}#ed25519-{generation}"

    # objects and activities
    def status(self, actor: str, status_id: int) -> str:
        return f"{actor}/statuses/{status_id}"

    def video(self, actor: str, status_id: int) -> str:
        """Id of the companion Video of a post, for PeerTube."""
        return f"{actor}/videos/{status_id}"

    def video_part(self, video: str, part: str) -> str:
        """A collection or picture of a companion Video (`likes`, `comments`, `poster.jpg`, …), or the channel's `announce`."""
        return f"{video}/{part}"

    def replies(self, status: str) -> str:
        return f"{status}/replies"

    def context(self, root_id: int) -> str:
        """Id of the conversation that the status with this row id starts (FEP-7888)."""
        return f"{self.base}/contexts/{root_id}"

    def create(self, status: str) -> str:
        return f"{status}/activity"

    def update(self, uri: str, stamp: int) -> str:
        """Id of an Update; `stamp` makes each edit's id its own."""
        return f"{uri}#updates/{stamp}"

    def delete(self, uri: str) -> str:
        return f"{uri}#delete"

    def follow(self, actor: str, follow_id: int) -> str:
        return f"{actor}/follows/{follow_id}"

    def like(self, actor: str, like_id: int) -> str:
        return f"{actor}/likes/{like_id}"

    def block(self, actor: str, block_id: int) -> str:
        return f"{actor}#blocks/{block_id}"

    def flag(self, report_id: int) -> str:
        """Id of a report that leaves this instance: the instance's own, it names nobody."""
        return f"{self.instance_actor}#reports/{report_id}"

    def pin(self, status: str, kind: str, stamp: int) -> str:
        """Id of the Add to, or Remove from, the featured collection."""
        return f"{status}#{kind.lower()}/{stamp}"

    def move(self, actor: str, stamp: int) -> str:
        return f"{actor}#moves/{stamp}"

    def undo(self, activity: str) -> str:
        return f"{activity}/undo" if "#" not in activity else f"{activity}-undo"

    def accept(self, actor: str, follow_id: int) -> str:
        return f"{actor}#accepts/follows/{follow_id}"

    def reject(self, actor: str, follow_id: int) -> str:
        return f"{actor}#rejects/follows/{follow_id}"

    def vote(self, actor: str, vote_id: int) -> str:
        """Id of a vote's Note (a fragment: nobody fetches votes)."""
        return f"{actor}#votes/{vote_id}"

    def quote_request(self, status: str) -> str:
        """Id of the QuoteRequest of one of our posts."""
        return f"{status}#quote-request"

    def quote_requested(self, uri: str) -> str | None:
        """The post whose QuoteRequest this is, else None."""
        status, mark, _ = uri.partition("#quote-request")
        return status if mark and self.is_local(status) else None

    def quote_authorization(self, actor: str, row_id: int) -> str:
        return f"{actor}/quote_authorizations/{row_id}"

    def consent_request(self, actor: str, row_id: int) -> str:
        """Id of a RemixRequest or LikenessRequest of one of our people."""
        return f"{actor}/requests/{row_id}"

    def stamp(self, actor: str, row_id: int) -> str:
        """Where one of our people's RemixAuthorization or LikenessAuthorization is served."""
        return f"{actor}/stamps/{row_id}"

    def credential(self, credential_id: int) -> str:
        """Where a HumanCredential of this instance is served."""
        return f"{self.base}/credentials/{credential_id}"

    def status_list(self, number: int) -> str:
        """A BitstringStatusList of this instance."""
        return f"{self.base}/credentials/status/{number}"

    def cameo_terms(self, actor: str) -> str:
        """Where an actor's server says who may ask for a cameo, and for what; `?actor=ID` asks for one actor."""
        return f"{actor}/cameo"

    def character(self, actor: str, likeness_id: int) -> str:
        """Id of a character that one of our people invented."""
        return f"{actor}/characters/{likeness_id}"

    def cameo_file(self, request_id: int, token: str) -> str:
        """Where whoever asked for a cameo fetches the rendered draft that its subject let go."""
        return f"{self.base}/cameos/{request_id}/{token}.mp4"

    def consent_file(self, request_id: int) -> str:
        """Where owner and requester look at the file that a request for consent is about."""
        return f"{self.base}/consent/requests/{request_id}/file"

    # provenance
    def record(self, media_id: int) -> str:
        return f"{self.base}/records/{media_id}"

    @property
    def certificates(self) -> str:
        return f"{self.base}/c2pa.pem"

    @property
    def revoked(self) -> str:
        return f"{self.base}/.well-known/fedisora-revoked"

    # files
    def media(self, key: str) -> str:
        """Public URL of a stored file; `key` is its path in the storage."""
        return f"{self.base}/media/{quote(key)}"

    def hls(self, media_id: int) -> str:
        """The master playlist of a video that is also served as HLS."""
        return f"{self.base}/media/hls/{media_id}/master.m3u8"

    def caption(self, caption_id: int) -> str:
        """Where the captions of a video in one language are read, as WebVTT."""
        return f"{self.base}/media/captions/{caption_id}.vtt"

    # pages
    def profile(self, name: str) -> str:
        return f"{self.base}/@{name}"

    def post_page(self, name: str, status_id: int) -> str:
        return f"{self.base}/@{name}/{status_id}"

    def embed(self, name: str, status_id: int) -> str:
        """The player page that other sites may frame."""
        return f"{self.post_page(name, status_id)}/embed"

    def oembed(self, page: str) -> str:
        """Where other sites read how to show a post (oembed.com)."""
        return f"{self.base}/api/oembed?format=json&url={quote(page, safe='')}"

    def feed(self, name: str) -> str:
        """RSS of an account."""
        return f"{self.base}/@{name}.rss"

    def tag(self, name: str) -> str:
        return f"{self.base}/tags/{quote(name)}"

    def tag_feed(self, name: str) -> str:
        return f"{self.tag(name)}.rss"

    def setup(self, token: str) -> str:
        return f"{self.base}/setup?token={token}"

    # recognising
    def _path(self, uri: str) -> list[str] | None:
        if not self.is_local(uri):
            return None
        path = urlsplit(uri).path
        return [unquote(part) for part in path.strip("/").split("/")]

    def actor_name(self, uri: str) -> str | None:
        """Name of the local account an actor id or profile URL names, else None. Fragments are ignored."""
        parts = self._path(uri)
        if parts and len(parts) == 2 and parts[0] == "users":
            return parts[1]
        if parts and len(parts) == 1 and parts[0].startswith("@") and "@" not in parts[0][1:]:
            return parts[0][1:]
        return None

    def followers_of(self, uri: str) -> str | None:
        """Name of the local account whose followers collection this is, else None."""
        parts = self._path(uri)
        return parts[1] if parts and len(parts) == 3 and parts[0] == "users" and parts[2] == "followers" else None

    def status_id(self, uri: str) -> int | None:
        """Row id of the local status an object id (of the post or its companion Video) or page URL names, else None."""
        parts = self._path(uri)
        if not parts:
            return None
        if len(parts) >= 4 and parts[0] == "users" and parts[2] in ("statuses", "videos") and _is_id(parts[3]):
            return int(parts[3])
        if len(parts) == 2 and parts[0].startswith("@") and _is_id(parts[1]):
            return int(parts[1])
        return None

    def post_named(self, uri: str) -> tuple[str, int] | None:
        """(name of the author, row id) of the local post that a page, its player page or an object id names, else None."""
        parts = self._path(uri) or []
        if len(parts) in (2, 3) and parts[0].startswith("@") and parts[2:] in ([], ["embed"]) and _is_id(parts[1]):
            return parts[0][1:], int(parts[1])
        if len(parts) == 4 and parts[0] == "users" and parts[2] in ("statuses", "videos") and _is_id(parts[3]):
            return parts[1], int(parts[3])
        return None


def _is_id(text: str) -> bool:
    """Whether this can be a row id: ASCII digits that fit the database."""
    return text.isascii() and text.isdecimal() and len(text) <= 18
