"""Instances that ask for a signature on every read: two of ours find each other, and an unsigned reader gets nothing."""
from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from tests.support.instances import Api, InstanceProcess, eventually

pytestmark = [pytest.mark.interop, pytest.mark.xdist_group("authorized")]  # its servers start once

ACTIVITY = {"Accept": "application/activity+json"}


@pytest.fixture(scope="module")
def both(instances: Callable[..., InstanceProcess]) -> tuple[Api, Api]:
    a, b = (instances(name, authorized_fetch="true", retry_seconds="1") for name in ("as", "bs"))
    return a.user("ada"), b.user("ben")


def test_unsigned_reads_are_refused(both: tuple[Api, Api]) -> None:
    ada, _ = both
    post = ada.post("/api/v1/statuses", status="for those who say who they are")
    for url in (ada.actor, f"{ada.actor}/outbox", f"{ada.actor}/followers", post["uri"]):
        assert httpx.get(url, headers=ACTIVITY).status_code == 401, url
        forged = {**ACTIVITY, "Signature": f'keyId="{ada.actor}#main-key",headers="(request-target) host date",signature="AAAA"',
                  "Date": "Tue, 24 Nov 2026 12:00:00 GMT"}
        assert httpx.get(url, headers=forged).status_code == 401, url
    # or nobody could check our signatures
    assert httpx.get(f"{ada.instance.base}/actor", headers=ACTIVITY).status_code == 200


def test_two_such_instances_find_each_other(both: tuple[Api, Api]) -> None:
    ada, ben = both
    ben.follow(f"@{ada.handle}")
    post = ada.post("/api/v1/statuses", status="hello, signed reader")
    copy = eventually(lambda: ben.find(post["uri"]), what="the post")
    reply = ben.post("/api/v1/statuses", status=f"@{ada.handle} hello", in_reply_to_id=copy["id"])
    eventually(lambda: [item for item in ada.get(f"/api/v1/statuses/{post['id']}/context")["descendants"]
                        if item["uri"] == reply["uri"]], what="the reply")
    old = ada.post("/api/v1/statuses", status="never sent to ben", visibility="unlisted")
    found = ben.get("/api/v2/search", q=old["uri"], resolve="true")["statuses"]
    assert [item["uri"] for item in found] == [old["uri"]]
