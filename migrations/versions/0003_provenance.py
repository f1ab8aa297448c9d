"""provenance: consents, lineage, fingerprints, claims of extensions, revoked certificates, the AI dial"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

INTEGER = sa.BigInteger()
MOMENT = sa.DateTime(timezone=True)
DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
WAITING = sa.text("recheck_at IS NOT NULL")
MEDIA = "SELECT 1 FROM media WHERE media.status_id = statuses.id"
IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"
RANKS = (("machine", ("trainedAlgorithmicMedia",)),
         ("mixed", ("compositeWithTrainedAlgorithmicMedia", "algorithmicallyEnhanced", "compositeSynthetic")),
         ("procedural", ("algorithmicMedia", "dataDrivenMedia")))
"""What `statuses.made` says of files that were there before, the most machine first (provenance/digital_source.py)."""
HUMAN = ("digitalCapture", "computationalCapture", "negativeFilm", "positiveFilm", "print", "humanEdits", "minorHumanEdits",
         "digitalCreation", "digitalArt", "compositeCapture")


def _add(table: str, *columns: sa.Column[object]) -> None:
    """Plain ADD COLUMN. Never a batch here: on SQLite that rebuilds the table, and dropping the old one cascades."""
    for column in columns:
        op.add_column(table, column)


def _among(names: tuple[str, ...]) -> str:
    listed = ", ".join(f"'{IPTC}{name}'" for name in names)
    return f"EXISTS ({MEDIA} AND media.digital_source_type IN ({listed}))"


def _fill_made() -> None:
    cases = " ".join(f"WHEN {_among(names)} THEN '{made}'" for made, names in RANKS)
    everything = ", ".join(f"'{IPTC}{name}'" for name in HUMAN)
    unsaid = (f"WHEN EXISTS ({MEDIA} AND (media.digital_source_type IS NULL OR media.digital_source_type NOT IN ({everything}))) "
              "THEN 'undeclared'")
    op.execute(f"UPDATE statuses SET made = CASE {cases} {unsaid} ELSE 'human' END WHERE EXISTS ({MEDIA})")  # noqa: S608


def upgrade() -> None:
    op.create_table(
        "extension_faults",
        sa.Column("extension", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("count", INTEGER, nullable=False),
        sa.Column("first_at", MOMENT, nullable=False),
        sa.Column("last_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("extension", "kind", name=op.f("pk_extension_faults")),
    )
    op.create_table(
        "revoked_certificates",
        sa.Column("serial", sa.String(length=64), nullable=False),
        sa.Column("actor_id", INTEGER, nullable=True),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("serial", name=op.f("pk_revoked_certificates")),
    )
    op.create_index(op.f("ix_revoked_certificates_actor_id"), "revoked_certificates", ["actor_id"])
    op.create_table(
        "consent_requests",
        sa.Column("id", INTEGER, autoincrement=False, nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("owner_id", INTEGER, nullable=False),
        sa.Column("requester_id", INTEGER, nullable=False),
        sa.Column("target_uri", sa.Text(), nullable=False),
        sa.Column("target_id", INTEGER, nullable=True),
        sa.Column("object_uri", sa.Text(), nullable=False),
        sa.Column("status_id", INTEGER, nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("use", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=True),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("stamp_uri", sa.Text(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("answered_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["owner_id"], ["actors.id"],
                                name=op.f("fk_consent_requests_owner_id_actors"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["requester_id"], ["actors.id"],
                                name=op.f("fk_consent_requests_requester_id_actors"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent_requests")),
        sa.UniqueConstraint("uri", name=op.f("uq_consent_requests_uri")),
    )
    op.create_index(op.f("ix_consent_requests_object_uri"), "consent_requests", ["object_uri"])
    op.create_index(op.f("ix_consent_requests_owner_id_state"), "consent_requests", ["owner_id", "state"])
    op.create_index(op.f("ix_consent_requests_requester_id_state"), "consent_requests", ["requester_id", "state"])
    op.create_index(op.f("ix_consent_requests_status_id"), "consent_requests", ["status_id"])
    op.create_table(
        "consent_stamps",
        sa.Column("id", INTEGER, autoincrement=False, nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("actor_id", INTEGER, nullable=False),
        sa.Column("request_id", INTEGER, nullable=True),
        sa.Column("target_uri", sa.Text(), nullable=False),
        sa.Column("object_uri", sa.Text(), nullable=False),
        sa.Column("requester_uri", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=True),
        sa.Column("end_at", MOMENT, nullable=True),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("looked_at", MOMENT, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("revoked_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["actor_id"], ["actors.id"], name=op.f("fk_consent_stamps_actor_id_actors"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent_stamps")),
        sa.UniqueConstraint("uri", name=op.f("uq_consent_stamps_uri")),
    )
    op.create_index(op.f("ix_consent_stamps_actor_id"), "consent_stamps", ["actor_id"])
    op.create_index(op.f("ix_consent_stamps_target_uri_object_uri"), "consent_stamps", ["target_uri", "object_uri"])
    op.create_table(
        "lineage",
        sa.Column("id", INTEGER, autoincrement=False, nullable=False),
        sa.Column("child_id", INTEGER, nullable=False),
        sa.Column("child_uri", sa.Text(), nullable=False),
        sa.Column("parent_uri", sa.Text(), nullable=False),
        sa.Column("parent_id", INTEGER, nullable=True),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("stamp_uri", sa.Text(), nullable=True),
        sa.Column("consent", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("checked_at", MOMENT, nullable=True),
        sa.Column("recheck_at", MOMENT, nullable=True),
        sa.Column("looked_at", MOMENT, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["child_id"], ["statuses.id"], name=op.f("fk_lineage_child_id_statuses"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lineage")),
        sa.UniqueConstraint("child_id", "parent_uri", "kind", name=op.f("uq_lineage_child_id_parent_uri_kind")),
    )
    op.create_index(op.f("ix_lineage_child_uri"), "lineage", ["child_uri"])
    op.create_index(op.f("ix_lineage_parent_id"), "lineage", ["parent_id"])
    op.create_index(op.f("ix_lineage_parent_uri"), "lineage", ["parent_uri"])
    op.create_index(op.f("ix_lineage_recheck_at"), "lineage", ["recheck_at"])
    op.create_index(op.f("ix_lineage_stamp_uri"), "lineage", ["stamp_uri"])
    op.create_table(
        "claims",
        sa.Column("id", INTEGER, autoincrement=False, nullable=False),
        sa.Column("media_id", INTEGER, nullable=False),
        sa.Column("position", INTEGER, nullable=False),
        sa.Column("source", sa.String(length=8), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("namespace", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("context", sa.LargeBinary(), nullable=True),
        sa.Column("extension", sa.String(length=64), nullable=True),
        sa.Column("extension_version", sa.String(length=32), nullable=True),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("problems", DOCUMENT, nullable=False),
        sa.Column("checked_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["media_id"], ["media.id"], name=op.f("fk_claims_media_id_media"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claims")),
    )
    op.create_index(op.f("ix_claims_extension_id"), "claims", ["extension", "id"])
    op.create_index(op.f("ix_claims_media_id"), "claims", ["media_id"])
    op.create_index(op.f("ix_claims_namespace_id"), "claims", ["namespace", "id"])
    op.create_table(
        "fingerprints",
        sa.Column("id", INTEGER, autoincrement=False, nullable=False),
        sa.Column("media_id", INTEGER, nullable=False),
        sa.Column("kind", sa.String(length=4), nullable=False),
        sa.Column("position", INTEGER, nullable=False),
        sa.Column("code", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["media_id"], ["media.id"], name=op.f("fk_fingerprints_media_id_media"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fingerprints")),
    )
    op.create_index(op.f("ix_fingerprints_kind_id"), "fingerprints", ["kind", "id"])
    op.create_index(op.f("ix_fingerprints_media_id"), "fingerprints", ["media_id"])

    _add("media",
         sa.Column("recheck_at", MOMENT, nullable=True), sa.Column("label_source", sa.String(length=12), nullable=True),
         sa.Column("ingredients", DOCUMENT, nullable=False, server_default="[]"),
         sa.Column("edits", DOCUMENT, nullable=False, server_default="[]"),
         sa.Column("soft_binding", DOCUMENT, nullable=False, server_default="[]"),
         sa.Column("watermark", INTEGER, nullable=True), sa.Column("fingerprinted_at", MOMENT, nullable=True),
         sa.Column("matched", DOCUMENT, nullable=True))
    op.create_index(op.f("ix_media_digest"), "media", ["digest"])
    op.create_index(op.f("ix_media_watermark"), "media", ["watermark"])
    op.create_index("ix_media_recheck", "media", ["recheck_at"], sqlite_where=WAITING, postgresql_where=WAITING)
    _add("statuses",
         sa.Column("made", sa.String(length=12), nullable=True), sa.Column("review", sa.String(length=8), nullable=True),
         sa.Column("review_reason", sa.Text(), nullable=True))
    _add("users", sa.Column("dial", DOCUMENT, nullable=True))
    _fill_made()


def downgrade() -> None:
    op.drop_column("users", "dial")
    for name in ("made", "review", "review_reason"):
        op.drop_column("statuses", name)
    op.drop_index("ix_media_recheck", "media")
    for name in ("watermark", "digest"):
        op.drop_index(op.f(f"ix_media_{name}"), "media")
    for name in ("recheck_at", "label_source", "ingredients", "edits", "soft_binding", "watermark", "fingerprinted_at",
                 "matched"):
        op.drop_column("media", name)
    for table in ("extension_faults", "revoked_certificates", "consent_requests", "consent_stamps", "lineage",
                  "claims", "fingerprints"):
        op.drop_table(table)
