"""Names of ActivityStreams 2.0 and its relatives that we use."""
from __future__ import annotations

AS2 = "https://www.w3.org/ns/activitystreams"
PUBLIC = f"{AS2}#Public"
PUBLIC_ALIASES = frozenset({PUBLIC, "as:Public", "Public"})
"""All three expand to the same IRI (ActivityPub §5.6). We send the first: some peers know no other."""

ACTOR_TYPES = frozenset({"Person", "Service", "Application", "Group", "Organization"})
OBJECT_TYPES = frozenset({"Note", "Article", "Page", "Video", "Image", "Audio", "Question", "Event"})
"""Objects that become posts, as Mastodon shows them."""
COLLECTION_TYPES = frozenset({"Collection", "OrderedCollection", "CollectionPage", "OrderedCollectionPage"})
TOMBSTONE = "Tombstone"
PROVENANCE_RECORD = "ProvenanceRecord"
HUMAN, AI_AGENT = "fs:Human", "fs:AIAgent"
