"""Any set of revoked bits comes back from the list that was signed over it, also to a reader of another hand."""
from __future__ import annotations

import base64
import datetime as dt
import gzip

from hypothesis import given, settings
from hypothesis import strategies as st

from fedisora.provenance import credentials
from fedisora.provenance.credentials import LIST_BITS

NOW = dt.datetime(2026, 11, 26, 9, tzinfo=dt.UTC)
INDEX = st.integers(0, LIST_BITS - 1)


@given(revoked=st.sets(INDEX, max_size=60), others=st.sets(INDEX, max_size=20))
@settings(max_examples=60, deadline=None)
def test_every_bit_round_trips(revoked: set[int], others: set[int]) -> None:
    document = credentials.build_list(list_id="https://a.example/credentials/status/1", issuer="https://a.example/actor",
                                      revoked=revoked, start=NOW)
    for index in revoked | others:
        assert credentials.is_revoked(document, index, now=NOW) == (index in revoked)
    encoded = document["credentialSubject"]["encodedList"]
    assert encoded.startswith("u") and "=" not in encoded
    bits = gzip.decompress(base64.urlsafe_b64decode(encoded[1:] + "=" * (-len(encoded[1:]) % 4)))
    assert len(bits) * 8 == LIST_BITS
    number = int.from_bytes(bits, "big")  # bit 0 is the leftmost one
    assert number.bit_count() == len(revoked)
    assert all(number >> (LIST_BITS - 1 - index) & 1 for index in revoked)
