"""complete federation: polls, quotes, reactions, reports, domain rules, relays, and the columns they need"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

INTEGER = sa.BigInteger()
MOMENT = sa.DateTime(timezone=True)
DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
PENDING = sa.text("state = 'pending'")


def _add(table: str, *columns: sa.Column[object]) -> None:
    """Plain ADD COLUMN. Never a batch here: on SQLite that rebuilds the table, and dropping the old one cascades."""
    for column in columns:
        op.add_column(table, column)


def upgrade() -> None:
    op.create_table(
        "domain_rules",
        sa.Column("domain", sa.String(length=255), nullable=False),
        sa.Column("severity", sa.String(length=8), nullable=False),
        sa.Column("reject_media", sa.Boolean(), nullable=False),
        sa.Column("public_comment", sa.Text(), nullable=False),
        sa.Column("private_comment", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("domain", name=op.f("pk_domain_rules")),
    )
    op.create_table(
        "relays",
        sa.Column("id", INTEGER, autoincrement=False, nullable=False),
        sa.Column("inbox", sa.Text(), nullable=False),
        sa.Column("actor_uri", sa.Text(), nullable=True),
        sa.Column("style", sa.String(length=8), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("follow_uri", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_relays")),
        sa.UniqueConstraint("inbox", name=op.f("uq_relays_inbox")),
    )
    op.create_index(op.f("ix_relays_actor_uri"), "relays", ["actor_uri"])

    op.create_table(
        "quote_authorizations",
        sa.Column("id", INTEGER, autoincrement=False, nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("actor_id", INTEGER, nullable=False),
        sa.Column("target_uri", sa.Text(), nullable=False),
        sa.Column("quote_uri", sa.Text(), nullable=False),
        sa.Column("requester_uri", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("revoked_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["actor_id"], ["actors.id"],
                                name=op.f("fk_quote_authorizations_actor_id_actors"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quote_authorizations")),
        sa.UniqueConstraint("target_uri", "quote_uri", name=op.f("uq_quote_authorizations_target_uri_quote_uri")),
        sa.UniqueConstraint("uri", name=op.f("uq_quote_authorizations_uri")),
    )
    op.create_index(op.f("ix_quote_authorizations_actor_id"), "quote_authorizations", ["actor_id"])

    op.create_table(
        "reports",
        sa.Column("id", INTEGER, autoincrement=False, nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("actor_id", INTEGER, nullable=False),
        sa.Column("target_id", INTEGER, nullable=False),
        sa.Column("status_uris", DOCUMENT, nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("category", sa.String(length=16), nullable=False),
        sa.Column("forwarded", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("resolved_at", MOMENT, nullable=True),
        sa.Column("resolved_by", INTEGER, nullable=True),
        sa.ForeignKeyConstraint(["actor_id"], ["actors.id"], name=op.f("fk_reports_actor_id_actors"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["resolved_by"], ["actors.id"],
                                name=op.f("fk_reports_resolved_by_actors"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["target_id"], ["actors.id"], name=op.f("fk_reports_target_id_actors"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reports")),
        sa.UniqueConstraint("uri", name=op.f("uq_reports_uri")),
    )
    op.create_index(op.f("ix_reports_actor_id"), "reports", ["actor_id"])
    op.create_index(op.f("ix_reports_state_id"), "reports", ["state", "id"])
    op.create_index(op.f("ix_reports_target_id"), "reports", ["target_id"])

    op.create_table(
        "poll_votes",
        sa.Column("id", INTEGER, autoincrement=False, nullable=False),
        sa.Column("status_id", INTEGER, nullable=False),
        sa.Column("actor_id", INTEGER, nullable=False),
        sa.Column("choice", INTEGER, nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["actors.id"], name=op.f("fk_poll_votes_actor_id_actors"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["status_id"], ["statuses.id"],
                                name=op.f("fk_poll_votes_status_id_statuses"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_poll_votes")),
        sa.UniqueConstraint("status_id", "actor_id", "choice", name=op.f("uq_poll_votes_status_id_actor_id_choice")),
    )
    op.create_index(op.f("ix_poll_votes_actor_id"), "poll_votes", ["actor_id"])
    op.create_index(op.f("ix_poll_votes_uri"), "poll_votes", ["uri"])

    op.create_table(
        "polls",
        sa.Column("status_id", INTEGER, autoincrement=False, nullable=False),
        sa.Column("options", DOCUMENT, nullable=False),
        sa.Column("multiple", sa.Boolean(), nullable=False),
        sa.Column("expires_at", MOMENT, nullable=True),
        sa.Column("closed_at", MOMENT, nullable=True),
        sa.Column("voters_count", INTEGER, nullable=True),
        sa.Column("fetched_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["status_id"], ["statuses.id"],
                                name=op.f("fk_polls_status_id_statuses"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("status_id", name=op.f("pk_polls")),
    )
    op.create_table(
        "reactions",
        sa.Column("id", INTEGER, autoincrement=False, nullable=False),
        sa.Column("status_id", INTEGER, nullable=False),
        sa.Column("actor_id", INTEGER, nullable=False),
        sa.Column("content", sa.String(length=64), nullable=False),
        sa.Column("emoji_url", sa.Text(), nullable=True),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["actors.id"], name=op.f("fk_reactions_actor_id_actors"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["status_id"], ["statuses.id"],
                                name=op.f("fk_reactions_status_id_statuses"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reactions")),
        sa.UniqueConstraint("status_id", "actor_id", "content", name=op.f("uq_reactions_status_id_actor_id_content")),
    )
    op.create_index(op.f("ix_reactions_actor_id"), "reactions", ["actor_id"])
    op.create_index(op.f("ix_reactions_uri"), "reactions", ["uri"])

    with op.batch_alter_table("tombstones") as batch:  # nothing refers to this table: it may be rebuilt
        batch.drop_constraint("pk_tombstones", type_="primary")
        batch.create_primary_key("pk_tombstones", ["uri", "actor_uri"])
    _add("actors",
         sa.Column("indexable", sa.Boolean(), nullable=False, server_default=sa.false()),
         sa.Column("hide_collections", sa.Boolean(), nullable=False, server_default=sa.false()),
         sa.Column("emojis", DOCUMENT, nullable=False, server_default="[]"),
         sa.Column("owner_id", INTEGER, nullable=True),
         sa.Column("backfilled_at", MOMENT, nullable=True), sa.Column("moved_at", MOMENT, nullable=True))
    op.create_index(op.f("ix_actors_owner_id"), "actors", ["owner_id"])
    op.create_index(op.f("ix_actors_key_id"), "actors", ["key_id"])
    op.execute("UPDATE actors SET indexable = discoverable")
    _add("deliveries", sa.Column("lane", INTEGER, nullable=False, server_default="0"))
    op.create_index("ix_deliveries_lane", "deliveries", ["lane", "inbox"], sqlite_where=PENDING, postgresql_where=PENDING)
    _add("inbox_messages", sa.Column("via_uri", sa.Text(), nullable=True),
         sa.Column("host", sa.String(length=255), nullable=False, server_default=""),
         sa.Column("outcome", sa.Text(), nullable=True))
    _add("remote_hosts", sa.Column("software", sa.String(length=64), nullable=True),
         sa.Column("software_version", sa.String(length=64), nullable=True),
         sa.Column("node_name", sa.Text(), nullable=True), sa.Column("nodeinfo_at", MOMENT, nullable=True))
    _add("statuses",
         sa.Column("object_type", sa.String(length=16), nullable=False, server_default="Note"),
         sa.Column("context_uri", sa.Text(), nullable=True), sa.Column("replies_uri", sa.Text(), nullable=True),
         sa.Column("thread_fetched_at", MOMENT, nullable=True), sa.Column("quote_of_uri", sa.Text(), nullable=True),
         sa.Column("quote_of_id", INTEGER, nullable=True),
         sa.Column("quote_state", sa.String(length=8), nullable=True),
         sa.Column("quote_authorization", sa.Text(), nullable=True),
         sa.Column("emojis", DOCUMENT, nullable=False, server_default="[]"),
         sa.Column("pinned_at", MOMENT, nullable=True),
         sa.Column("quotes_count", INTEGER, nullable=False, server_default="0"))
    for name in ("context_uri", "in_reply_to_uri", "quote_of_id", "quote_of_uri"):
        op.create_index(op.f(f"ix_statuses_{name}"), "statuses", [name])


def downgrade() -> None:
    op.execute("DELETE FROM tombstones WHERE EXISTS (SELECT 1 FROM tombstones AS other WHERE other.uri = tombstones.uri "
               "AND other.actor_uri < tombstones.actor_uri)")
    with op.batch_alter_table("tombstones") as batch:
        batch.drop_constraint("pk_tombstones", type_="primary")
        batch.create_primary_key("pk_tombstones", ["uri"])
    columns: tuple[str, ...]
    for table, columns in (
            ("statuses", ("context_uri", "in_reply_to_uri", "quote_of_id", "quote_of_uri")), ("actors", ("owner_id",))):
        for name in columns:
            op.drop_index(op.f(f"ix_{table}_{name}"), table)
    op.drop_index(op.f("ix_actors_key_id"), "actors")
    op.drop_index("ix_deliveries_lane", "deliveries")
    added: list[tuple[str, tuple[str, ...]]] = [
            ("statuses", ("object_type", "context_uri", "replies_uri", "thread_fetched_at", "quote_of_uri", "quote_of_id",
                          "quote_state", "quote_authorization", "emojis", "pinned_at", "quotes_count")),
            ("remote_hosts", ("software", "software_version", "node_name", "nodeinfo_at")),
            ("inbox_messages", ("host", "via_uri", "outcome")), ("deliveries", ("lane",)),
            ("actors", ("indexable", "hide_collections", "emojis", "owner_id", "backfilled_at", "moved_at"))]
    for table, names in added:
        for name in names:
            op.drop_column(table, name)
    for table in ("reactions", "polls", "poll_votes", "reports", "quote_authorizations", "relays", "domain_rules"):
        op.drop_table(table)
