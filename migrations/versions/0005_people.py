"""people: passkeys, verification, credentials, status lists; agents; likenesses, characters, consent in two steps"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

INTEGER = sa.BigInteger()
MOMENT = sa.DateTime(timezone=True)
DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def _fill() -> None:
    """Agents from before there were profiles stay as they were: nobody asked then who their operators are."""
    op.execute(
        "INSERT INTO agent_profiles (actor_id, stop_reason, exempt, answers, persona, audience, allowed, blocked, style, model, "
        "orientation, per_person, per_domain, per_day, stop_word, start_word, schedule, posted, created_at, updated_at) "
        "SELECT id, '', true, false, '', 'everyone', '[]', '[]', '', '', '', 5, 30, 100, 'stop', 'start', '[]', 0, created_at, "
        "created_at FROM actors WHERE kind = 'agent' AND domain = ''"
    )
    op.execute("UPDATE actors SET operator_confirmed = true WHERE kind = 'agent' AND domain = '' AND operator_uri IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "audit_log",
        sa.Column("id", INTEGER, autoincrement=False, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("actor_id", INTEGER, nullable=True),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("subject_id", INTEGER, nullable=True),
        sa.Column("case_id", INTEGER, nullable=True),
        sa.Column("detail", DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_log")),
    )
    op.create_index(op.f("ix_audit_log_case_id"), "audit_log", ["case_id"], unique=False)
    op.create_index(op.f("ix_audit_log_subject_id_id"), "audit_log", ["subject_id", "id"], unique=False)
    op.create_table(
        "remote_status_lists",
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("fetched_at", MOMENT, nullable=False),
        sa.Column("valid_until", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("url", name=op.f("pk_remote_status_lists")),
    )
    op.create_table(
        "status_indexes",
        sa.Column("list_number", INTEGER, autoincrement=False, nullable=False),
        sa.Column("position", INTEGER, autoincrement=False, nullable=False),
        sa.Column("revoked_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("list_number", "position", name=op.f("pk_status_indexes")),
    )
    op.create_table(
        "status_lists",
        sa.Column("number", INTEGER, autoincrement=False, nullable=False),
        sa.Column("used", INTEGER, nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("signed_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_status_lists")),
    )
    op.create_table(
        "trusted_verifiers",
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("created_by", INTEGER, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("host", name=op.f("pk_trusted_verifiers")),
    )
    op.create_table(
        "agent_mentions",
        sa.Column("id", INTEGER, autoincrement=False, nullable=False),
        sa.Column("agent_id", INTEGER, nullable=False),
        sa.Column("status_id", INTEGER, nullable=True),
        sa.Column("author_id", INTEGER, nullable=True),
        sa.Column("domain", sa.String(length=255), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("generation_id", INTEGER, nullable=True),
        sa.Column("reply_id", INTEGER, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("answered_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["agent_id"], ["actors.id"], name=op.f("fk_agent_mentions_agent_id_actors"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agent_mentions")),
        sa.UniqueConstraint("agent_id", "status_id", name=op.f("uq_agent_mentions_agent_id_status_id")),
    )
    op.create_index(op.f("ix_agent_mentions_agent_id_created_at"), "agent_mentions", ["agent_id", "created_at"], unique=False)
    op.create_index(op.f("ix_agent_mentions_author_id_created_at"), "agent_mentions", ["author_id", "created_at"], unique=False)
    op.create_index(op.f("ix_agent_mentions_generation_id"), "agent_mentions", ["generation_id"], unique=False)
    op.create_table(
        "agent_opt_outs",
        sa.Column("agent_id", INTEGER, autoincrement=False, nullable=False),
        sa.Column("actor_id", INTEGER, autoincrement=False, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["actors.id"], name=op.f("fk_agent_opt_outs_actor_id_actors"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["agent_id"], ["actors.id"], name=op.f("fk_agent_opt_outs_agent_id_actors"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("agent_id", "actor_id", name=op.f("pk_agent_opt_outs")),
    )
    op.create_table(
        "agent_profiles",
        sa.Column("actor_id", INTEGER, autoincrement=False, nullable=False),
        sa.Column("stopped_at", MOMENT, nullable=True),
        sa.Column("stopped_by", INTEGER, nullable=True),
        sa.Column("stop_reason", sa.Text(), nullable=False),
        sa.Column("paused_at", MOMENT, nullable=True),
        sa.Column("exempt", sa.Boolean(), nullable=False),
        sa.Column("answers", sa.Boolean(), nullable=False),
        sa.Column("persona", sa.Text(), nullable=False),
        sa.Column("audience", sa.String(length=12), nullable=False),
        sa.Column("allowed", DOCUMENT, nullable=False),
        sa.Column("blocked", DOCUMENT, nullable=False),
        sa.Column("style", sa.Text(), nullable=False),
        sa.Column("model", sa.String(length=80), nullable=False),
        sa.Column("orientation", sa.String(length=12), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=True),
        sa.Column("per_person", INTEGER, nullable=False),
        sa.Column("per_domain", INTEGER, nullable=False),
        sa.Column("per_day", INTEGER, nullable=False),
        sa.Column("stop_word", sa.String(length=32), nullable=False),
        sa.Column("start_word", sa.String(length=32), nullable=False),
        sa.Column("schedule", DOCUMENT, nullable=False),
        sa.Column("next_post_at", MOMENT, nullable=True),
        sa.Column("posted", INTEGER, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["actors.id"], name=op.f("fk_agent_profiles_actor_id_actors"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("actor_id", name=op.f("pk_agent_profiles")),
    )
    op.create_index(op.f("ix_agent_profiles_next_post_at"), "agent_profiles", ["next_post_at"], unique=False)
    op.create_table(
        "attestations",
        sa.Column("actor_id", INTEGER, autoincrement=False, nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("list_url", sa.Text(), nullable=False),
        sa.Column("list_index", INTEGER, nullable=True),
        sa.Column("named", DOCUMENT, nullable=False),
        sa.Column("fetches", DOCUMENT, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("failures", INTEGER, nullable=False),
        sa.Column("checked_at", MOMENT, nullable=True),
        sa.Column("recheck_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["actor_id"], ["actors.id"], name=op.f("fk_attestations_actor_id_actors"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("actor_id", name=op.f("pk_attestations")),
    )
    op.create_index(op.f("ix_attestations_list_url"), "attestations", ["list_url"], unique=False)
    op.create_index(
        "ix_attestations_recheck",
        "attestations",
        ["recheck_at"],
        unique=False,
        sqlite_where=sa.text("recheck_at IS NOT NULL"),
        postgresql_where=sa.text("recheck_at IS NOT NULL"),
    )
    op.create_table(
        "human_credentials",
        sa.Column("id", INTEGER, autoincrement=False, nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("actor_id", INTEGER, nullable=False),
        sa.Column("method", sa.String(length=12), nullable=False),
        sa.Column("list_number", INTEGER, nullable=False),
        sa.Column("list_index", INTEGER, nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("valid_from", MOMENT, nullable=False),
        sa.Column("valid_until", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("end", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("reminded_at", MOMENT, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["actors.id"], name=op.f("fk_human_credentials_actor_id_actors"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_human_credentials")),
        sa.UniqueConstraint("uri", name=op.f("uq_human_credentials_uri")),
    )
    op.create_index(op.f("ix_human_credentials_actor_id_id"), "human_credentials", ["actor_id", "id"], unique=False)
    op.create_index(op.f("ix_human_credentials_valid_until"), "human_credentials", ["valid_until"], unique=False)
    op.create_table(
        "likeness_people",
        sa.Column("id", INTEGER, autoincrement=False, nullable=False),
        sa.Column("owner_id", INTEGER, nullable=False),
        sa.Column("person_id", INTEGER, nullable=False),
        sa.Column("decision", sa.String(length=8), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["actors.id"], name=op.f("fk_likeness_people_owner_id_actors"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["actors.id"], name=op.f("fk_likeness_people_person_id_actors"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_likeness_people")),
        sa.UniqueConstraint("owner_id", "person_id", name=op.f("uq_likeness_people_owner_id_person_id")),
    )
    op.create_table(
        "likenesses",
        sa.Column("id", INTEGER, autoincrement=False, nullable=False),
        sa.Column("actor_id", INTEGER, nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("audience", sa.String(length=12), nullable=False),
        sa.Column("forbidden", sa.Text(), nullable=False),
        sa.Column("agents", sa.Boolean(), nullable=False),
        sa.Column("until", MOMENT, nullable=True),
        sa.Column("picture_key", sa.Text(), nullable=True),
        sa.Column("picture_secret", sa.LargeBinary(), nullable=True),
        sa.Column("picture_mime", sa.String(length=80), nullable=False),
        sa.Column("width", INTEGER, nullable=False),
        sa.Column("height", INTEGER, nullable=False),
        sa.Column("clip_key", sa.Text(), nullable=True),
        sa.Column("clip_secret", sa.LargeBinary(), nullable=True),
        sa.Column("clip_mime", sa.String(length=80), nullable=False),
        sa.Column("clip_seconds", sa.Double(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("withdrawn_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["actor_id"], ["actors.id"], name=op.f("fk_likenesses_actor_id_actors"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_likenesses")),
    )
    op.create_index(op.f("ix_likenesses_actor_id_kind"), "likenesses", ["actor_id", "kind"], unique=False)
    op.create_table(
        "operator_transfers",
        sa.Column("id", INTEGER, autoincrement=False, nullable=False),
        sa.Column("agent_id", INTEGER, nullable=False),
        sa.Column("from_id", INTEGER, nullable=False),
        sa.Column("to_id", INTEGER, nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("answered_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["agent_id"], ["actors.id"], name=op.f("fk_operator_transfers_agent_id_actors"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["from_id"], ["actors.id"], name=op.f("fk_operator_transfers_from_id_actors"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["to_id"], ["actors.id"], name=op.f("fk_operator_transfers_to_id_actors"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operator_transfers")),
    )
    op.create_index(op.f("ix_operator_transfers_to_id"), "operator_transfers", ["to_id"], unique=False)
    op.create_index(
        "uq_operator_transfers_open",
        "operator_transfers",
        ["agent_id"],
        unique=True,
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_table(
        "verification_cases",
        sa.Column("id", INTEGER, autoincrement=False, nullable=False),
        sa.Column("actor_id", INTEGER, nullable=False),
        sa.Column("method", sa.String(length=12), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("challenge", sa.LargeBinary(), nullable=True),
        sa.Column("challenge_until", MOMENT, nullable=True),
        sa.Column("tries", INTEGER, nullable=False),
        sa.Column("clip_key", sa.Text(), nullable=True),
        sa.Column("clip_secret", sa.LargeBinary(), nullable=True),
        sa.Column("clip_digest", sa.String(length=64), nullable=True),
        sa.Column("clip_size", INTEGER, nullable=True),
        sa.Column("clip_mime", sa.String(length=80), nullable=False),
        sa.Column("clip_at", MOMENT, nullable=True),
        sa.Column("clip_purge_at", MOMENT, nullable=True),
        sa.Column("clip_deleted_at", MOMENT, nullable=True),
        sa.Column("reviewer_id", INTEGER, nullable=True),
        sa.Column("assigned_at", MOMENT, nullable=True),
        sa.Column("decided_by", INTEGER, nullable=True),
        sa.Column("decided_at", MOMENT, nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("about", DOCUMENT, nullable=False),
        sa.Column("likeness_id", INTEGER, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["actors.id"], name=op.f("fk_verification_cases_actor_id_actors"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["decided_by"], ["actors.id"], name=op.f("fk_verification_cases_decided_by_actors"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["reviewer_id"], ["actors.id"], name=op.f("fk_verification_cases_reviewer_id_actors"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_verification_cases")),
    )
    op.create_index(op.f("ix_verification_cases_actor_id_id"), "verification_cases", ["actor_id", "id"], unique=False)
    op.create_index(
        "ix_verification_cases_clip",
        "verification_cases",
        ["clip_purge_at"],
        unique=False,
        sqlite_where=sa.text("clip_key IS NOT NULL"),
        postgresql_where=sa.text("clip_key IS NOT NULL"),
    )
    op.create_index(op.f("ix_verification_cases_likeness_id"), "verification_cases", ["likeness_id"], unique=False)
    op.create_index(op.f("ix_verification_cases_state_id"), "verification_cases", ["state", "id"], unique=False)
    op.create_table(
        "verification_identities",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("method", sa.String(length=12), nullable=False),
        sa.Column("actor_id", INTEGER, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["actors.id"], name=op.f("fk_verification_identities_actor_id_actors"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_verification_identities")),
    )
    op.create_index(op.f("ix_verification_identities_actor_id"), "verification_identities", ["actor_id"], unique=False)
    op.create_table(
        "vouches",
        sa.Column("id", INTEGER, autoincrement=False, nullable=False),
        sa.Column("voucher_id", INTEGER, nullable=False),
        sa.Column("subject_id", INTEGER, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("revoked_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["subject_id"], ["actors.id"], name=op.f("fk_vouches_subject_id_actors"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["voucher_id"], ["actors.id"], name=op.f("fk_vouches_voucher_id_actors"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vouches")),
        sa.UniqueConstraint("voucher_id", "subject_id", name=op.f("uq_vouches_voucher_id_subject_id")),
    )
    op.create_index(op.f("ix_vouches_subject_id"), "vouches", ["subject_id"], unique=False)
    op.create_table(
        "likeness_hashes",
        sa.Column("id", INTEGER, autoincrement=False, nullable=False),
        sa.Column("likeness_id", INTEGER, nullable=False),
        sa.Column("code", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["likeness_id"], ["likenesses.id"], name=op.f("fk_likeness_hashes_likeness_id_likenesses"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_likeness_hashes")),
    )
    op.create_index(op.f("ix_likeness_hashes_likeness_id"), "likeness_hashes", ["likeness_id"], unique=False)
    op.create_table(
        "passkeys",
        sa.Column("id", INTEGER, autoincrement=False, nullable=False),
        sa.Column("user_id", INTEGER, nullable=False),
        sa.Column("credential_id", sa.LargeBinary(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", INTEGER, nullable=False),
        sa.Column("transports", DOCUMENT, nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("used_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_passkeys_user_id_users"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_passkeys")),
        sa.UniqueConstraint("credential_id", name=op.f("uq_passkeys_credential_id")),
    )
    op.create_index(op.f("ix_passkeys_user_id"), "passkeys", ["user_id"], unique=False)
    op.create_table(
        "stamp_readers",
        sa.Column("stamp_id", INTEGER, autoincrement=False, nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("inbox", sa.Text(), nullable=False),
        sa.Column("first_at", MOMENT, nullable=False),
        sa.Column("last_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["stamp_id"], ["consent_stamps.id"], name=op.f("fk_stamp_readers_stamp_id_consent_stamps"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("stamp_id", "host", name=op.f("pk_stamp_readers")),
    )
    op.add_column("actors", sa.Column("attestation", DOCUMENT, nullable=False, server_default="[]"))
    op.add_column("actors", sa.Column("human", sa.String(length=32), nullable=True))
    op.add_column("actors", sa.Column("human_issuer", sa.String(length=255), nullable=True))
    op.add_column("actors", sa.Column("human_method", sa.String(length=24), nullable=True))
    op.add_column("actors", sa.Column("human_until", MOMENT, nullable=True))
    op.add_column("actors", sa.Column("human_checked_at", MOMENT, nullable=True))
    op.add_column("actors", sa.Column("interaction_policy", DOCUMENT, nullable=True))
    op.add_column("actors", sa.Column("cameo_terms", sa.Text(), nullable=True))
    op.add_column("actors", sa.Column("operator_confirmed", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("consent_requests", sa.Column("likeness_id", INTEGER, nullable=True))
    op.add_column("consent_requests", sa.Column("character_uri", sa.Text(), nullable=True))
    op.add_column("consent_requests", sa.Column("prompt", sa.Text(), nullable=False, server_default=""))
    op.add_column("consent_requests", sa.Column("parameters", DOCUMENT, nullable=False, server_default="{}"))
    op.add_column("consent_requests", sa.Column("render_id", INTEGER, nullable=True))
    op.add_column("consent_requests", sa.Column("generation_id", INTEGER, nullable=True))
    op.add_column("consent_requests", sa.Column("content_digest", sa.String(length=64), nullable=True))
    op.add_column("consent_requests", sa.Column("seen_at", MOMENT, nullable=True))
    op.create_index(op.f("ix_consent_requests_generation_id"), "consent_requests", ["generation_id"], unique=False)
    op.create_index(op.f("ix_consent_requests_render_id"), "consent_requests", ["render_id"], unique=False)
    op.add_column("generations", sa.Column("likeness_id", INTEGER, nullable=True))
    op.add_column("generations", sa.Column("consent_request_id", INTEGER, nullable=True))
    op.add_column("generations", sa.Column("people", sa.String(length=12), nullable=False, server_default=""))
    op.create_index(op.f("ix_generations_consent_request_id"), "generations", ["consent_request_id"], unique=False)
    op.add_column("reports", sa.Column("urgent", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("users", sa.Column("moderator", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("users", sa.Column("verifiers", DOCUMENT, nullable=True))
    _fill()


def downgrade() -> None:
    op.drop_index(op.f("ix_generations_consent_request_id"), "generations")
    op.drop_index(op.f("ix_consent_requests_render_id"), "consent_requests")
    op.drop_index(op.f("ix_consent_requests_generation_id"), "consent_requests")
    for name in (
        "attestation",
        "human",
        "human_issuer",
        "human_method",
        "human_until",
        "human_checked_at",
        "interaction_policy",
        "cameo_terms",
        "operator_confirmed",
    ):
        op.drop_column("actors", name)
    for name in (
        "likeness_id",
        "character_uri",
        "prompt",
        "parameters",
        "render_id",
        "generation_id",
        "content_digest",
        "seen_at",
    ):
        op.drop_column("consent_requests", name)
    for name in ("likeness_id", "consent_request_id", "people"):
        op.drop_column("generations", name)
    op.drop_column("reports", "urgent")
    for name in ("moderator", "verifiers"):
        op.drop_column("users", name)
    for table in (
        "stamp_readers",
        "passkeys",
        "likeness_hashes",
        "vouches",
        "verification_identities",
        "verification_cases",
        "operator_transfers",
        "likenesses",
        "likeness_people",
        "human_credentials",
        "attestations",
        "agent_profiles",
        "agent_opt_outs",
        "agent_mentions",
        "trusted_verifiers",
        "status_lists",
        "status_indexes",
        "remote_status_lists",
        "audit_log",
    ):
        op.drop_table(table)
