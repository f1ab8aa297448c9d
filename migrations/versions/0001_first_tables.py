"""first tables"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "actors",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), autoincrement=False, nullable=False
        ),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("username", sa.String(length=255), nullable=False),
        sa.Column("username_key", sa.String(length=255), nullable=False),
        sa.Column("domain", sa.String(length=255), nullable=False),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=True),
        sa.Column("operator_uri", sa.Text(), nullable=True),
        sa.Column("operates", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("fields", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("inbox", sa.Text(), nullable=False),
        sa.Column("shared_inbox", sa.Text(), nullable=True),
        sa.Column("outbox", sa.Text(), nullable=True),
        sa.Column("followers_uri", sa.Text(), nullable=True),
        sa.Column("following_uri", sa.Text(), nullable=True),
        sa.Column("featured_uri", sa.Text(), nullable=True),
        sa.Column("key_id", sa.Text(), nullable=True),
        sa.Column("public_key_pem", sa.Text(), nullable=True),
        sa.Column("assertion_keys", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("signing_certificates", sa.Text(), nullable=True),
        sa.Column("locked", sa.Boolean(), nullable=False),
        sa.Column("discoverable", sa.Boolean(), nullable=False),
        sa.Column("avatar_key", sa.Text(), nullable=True),
        sa.Column("avatar_url", sa.Text(), nullable=True),
        sa.Column("header_key", sa.Text(), nullable=True),
        sa.Column("header_url", sa.Text(), nullable=True),
        sa.Column("also_known_as", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("moved_to", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("suspended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("followers_count", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), nullable=False),
        sa.Column("following_count", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), nullable=False),
        sa.Column("statuses_count", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), nullable=False),
        sa.Column("last_status_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_actors")),
        sa.UniqueConstraint("uri", name=op.f("uq_actors_uri")),
        sa.UniqueConstraint("username_key", "domain", name=op.f("uq_actors_username_key_domain")),
    )
    with op.batch_alter_table("actors", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_actors_domain"), ["domain"], unique=False)
        batch_op.create_index(batch_op.f("ix_actors_shared_inbox"), ["shared_inbox"], unique=False)

    op.create_table(
        "inbox_messages",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), autoincrement=False, nullable=False
        ),
        sa.Column("activity_uri", sa.Text(), nullable=False),
        sa.Column("actor_uri", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("type", sa.String(length=48), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("run_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempt", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), nullable=False),
        sa.Column("lease_owner", sa.String(length=64), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox_messages")),
        sa.UniqueConstraint("actor_uri", "activity_uri", name=op.f("uq_inbox_messages_actor_uri_activity_uri")),
    )
    with op.batch_alter_table("inbox_messages", schema=None) as batch_op:
        batch_op.create_index(
            "ix_inbox_messages_due",
            ["run_at"],
            unique=False,
            sqlite_where=sa.text("state = 'pending'"),
            postgresql_where=sa.text("state = 'pending'"),
        )

    op.create_table(
        "instance_facts",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_instance_facts")),
    )
    op.create_table(
        "jobs",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), autoincrement=False, nullable=False
        ),
        sa.Column("queue", sa.String(length=16), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=True),
        sa.Column("payload", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempt", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), nullable=False),
        sa.Column("lease_owner", sa.String(length=64), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
    )
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.create_index(
            "ix_jobs_due",
            ["queue", "run_at"],
            unique=False,
            sqlite_where=sa.text("state = 'pending'"),
            postgresql_where=sa.text("state = 'pending'"),
        )
        batch_op.create_index(
            "uq_jobs_key",
            ["key"],
            unique=True,
            sqlite_where=sa.text("state = 'pending'"),
            postgresql_where=sa.text("state = 'pending'"),
        )

    op.create_table(
        "login_attempts",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), autoincrement=False, nullable=False
        ),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_attempts")),
    )
    with op.batch_alter_table("login_attempts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_login_attempts_key_at"), ["key", "at"], unique=False)

    op.create_table(
        "oauth_apps",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), autoincrement=False, nullable=False
        ),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("client_secret_hash", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("website", sa.Text(), nullable=True),
        sa.Column("redirect_uris", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_oauth_apps")),
        sa.UniqueConstraint("client_id", name=op.f("uq_oauth_apps_client_id")),
    )
    op.create_table(
        "remote_hosts",
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("signature_scheme", sa.String(length=8), nullable=False),
        sa.Column("failures", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), nullable=False),
        sa.Column("blocked_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_success_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_failure_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("host", name=op.f("pk_remote_hosts")),
    )
    op.create_table(
        "tombstones",
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("actor_uri", sa.Text(), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("uri", name=op.f("pk_tombstones")),
    )
    op.create_table(
        "actor_keys",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), autoincrement=False, nullable=False
        ),
        sa.Column("actor_id", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), nullable=False),
        sa.Column("use", sa.String(length=8), nullable=False),
        sa.Column("generation", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("certificate_chain", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["actors.id"], name=op.f("fk_actor_keys_actor_id_actors"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_actor_keys")),
        sa.UniqueConstraint("actor_id", "use", "generation", name=op.f("uq_actor_keys_actor_id_use_generation")),
    )
    op.create_table(
        "blocks",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), autoincrement=False, nullable=False
        ),
        sa.Column("actor_id", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), nullable=False),
        sa.Column("target_id", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["actors.id"], name=op.f("fk_blocks_actor_id_actors"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["target_id"], ["actors.id"], name=op.f("fk_blocks_target_id_actors"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_blocks")),
        sa.UniqueConstraint("actor_id", "target_id", name=op.f("uq_blocks_actor_id_target_id")),
    )
    with op.batch_alter_table("blocks", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_blocks_target_id"), ["target_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_blocks_uri"), ["uri"], unique=False)

    op.create_table(
        "follows",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), autoincrement=False, nullable=False
        ),
        sa.Column("actor_id", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), nullable=False),
        sa.Column("target_id", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["actors.id"], name=op.f("fk_follows_actor_id_actors"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["target_id"], ["actors.id"], name=op.f("fk_follows_target_id_actors"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_follows")),
        sa.UniqueConstraint("actor_id", "target_id", name=op.f("uq_follows_actor_id_target_id")),
    )
    with op.batch_alter_table("follows", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_follows_actor_id_state"), ["actor_id", "state"], unique=False)
        batch_op.create_index(batch_op.f("ix_follows_target_id_state"), ["target_id", "state"], unique=False)
        batch_op.create_index(batch_op.f("ix_follows_uri"), ["uri"], unique=False)

    op.create_table(
        "outbox_activities",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), autoincrement=False, nullable=False
        ),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), nullable=False),
        sa.Column("type", sa.String(length=48), nullable=False),
        sa.Column("object_uri", sa.Text(), nullable=False),
        sa.Column("public", sa.Boolean(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["actors.id"], name=op.f("fk_outbox_activities_actor_id_actors"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox_activities")),
        sa.UniqueConstraint("uri", name=op.f("uq_outbox_activities_uri")),
    )
    with op.batch_alter_table("outbox_activities", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_outbox_activities_actor_id_id"), ["actor_id", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_outbox_activities_object_uri"), ["object_uri"], unique=False)

    op.create_table(
        "statuses",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), autoincrement=False, nullable=False
        ),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), nullable=False),
        sa.Column("local", sa.Boolean(), nullable=False),
        sa.Column("visibility", sa.String(length=16), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("spoiler_text", sa.Text(), nullable=False),
        sa.Column("sensitive", sa.Boolean(), nullable=False),
        sa.Column("language", sa.String(length=16), nullable=True),
        sa.Column("in_reply_to_id", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), nullable=True),
        sa.Column("in_reply_to_uri", sa.Text(), nullable=True),
        sa.Column("in_reply_to_actor_id", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), nullable=True),
        sa.Column("reblog_of_id", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), nullable=True),
        sa.Column("interaction_policy", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=True),
        sa.Column("document", sa.LargeBinary(), nullable=True),
        sa.Column("proof", sa.String(length=8), nullable=False),
        sa.Column("published", sa.Boolean(), nullable=False),
        sa.Column("idempotency_key", sa.String(length=255), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("edited_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("favourites_count", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), nullable=False),
        sa.Column("reblogs_count", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), nullable=False),
        sa.Column("replies_count", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), nullable=False),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["actors.id"], name=op.f("fk_statuses_actor_id_actors"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["reblog_of_id"], ["statuses.id"], name=op.f("fk_statuses_reblog_of_id_statuses"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_statuses")),
        sa.UniqueConstraint("actor_id", "idempotency_key", name=op.f("uq_statuses_actor_id_idempotency_key")),
        sa.UniqueConstraint("uri", name=op.f("uq_statuses_uri")),
    )
    with op.batch_alter_table("statuses", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_statuses_actor_id_id"), ["actor_id", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_statuses_in_reply_to_id"), ["in_reply_to_id"], unique=False)
        batch_op.create_index("ix_statuses_public", ["visibility", "id"], unique=False)
        batch_op.create_index(
            "uq_statuses_reblog",
            ["reblog_of_id", "actor_id"],
            unique=True,
            sqlite_where=sa.text("reblog_of_id IS NOT NULL"),
            postgresql_where=sa.text("reblog_of_id IS NOT NULL"),
        )

    op.create_table(
        "users",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), autoincrement=False, nullable=False
        ),
        sa.Column("actor_id", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("email_key", sa.String(length=320), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("admin", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("locale", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_login_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["actor_id"], ["actors.id"], name=op.f("fk_users_actor_id_actors"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("actor_id", name=op.f("uq_users_actor_id")),
        sa.UniqueConstraint("email_key", name=op.f("uq_users_email_key")),
    )
    op.create_table(
        "access_tokens",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("app_id", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), nullable=True),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), nullable=True),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("code_hash", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(
            ["app_id"], ["oauth_apps.id"], name=op.f("fk_access_tokens_app_id_oauth_apps"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_access_tokens_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_access_tokens")),
    )
    with op.batch_alter_table("access_tokens", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_access_tokens_app_id"), ["app_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_access_tokens_code_hash"), ["code_hash"], unique=False)
        batch_op.create_index(batch_op.f("ix_access_tokens_user_id"), ["user_id"], unique=False)

    op.create_table(
        "authorization_codes",
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("app_id", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), nullable=False),
        sa.Column("redirect_uri", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("code_challenge", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["app_id"], ["oauth_apps.id"], name=op.f("fk_authorization_codes_app_id_oauth_apps"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_authorization_codes_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("code_hash", name=op.f("pk_authorization_codes")),
    )
    op.create_table(
        "deliveries",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), autoincrement=False, nullable=False
        ),
        sa.Column("activity_id", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), nullable=False),
        sa.Column("inbox", sa.Text(), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("status", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("run_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempt", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), nullable=False),
        sa.Column("lease_owner", sa.String(length=64), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["activity_id"],
            ["outbox_activities.id"],
            name=op.f("fk_deliveries_activity_id_outbox_activities"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint("activity_id", "inbox", name=op.f("uq_deliveries_activity_id_inbox")),
    )
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.create_index(
            "ix_deliveries_due",
            ["run_at"],
            unique=False,
            sqlite_where=sa.text("state = 'pending'"),
            postgresql_where=sa.text("state = 'pending'"),
        )
        batch_op.create_index(batch_op.f("ix_deliveries_host_state"), ["host", "state"], unique=False)

    op.create_table(
        "favourites",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), autoincrement=False, nullable=False
        ),
        sa.Column("actor_id", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), nullable=False),
        sa.Column("status_id", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["actors.id"], name=op.f("fk_favourites_actor_id_actors"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["status_id"], ["statuses.id"], name=op.f("fk_favourites_status_id_statuses"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_favourites")),
        sa.UniqueConstraint("actor_id", "status_id", name=op.f("uq_favourites_actor_id_status_id")),
    )
    with op.batch_alter_table("favourites", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_favourites_status_id"), ["status_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_favourites_uri"), ["uri"], unique=False)

    op.create_table(
        "media",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), autoincrement=False, nullable=False
        ),
        sa.Column("actor_id", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), nullable=False),
        sa.Column("status_id", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), nullable=True),
        sa.Column("position", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("mime", sa.String(length=80), nullable=False),
        sa.Column("width", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), nullable=True),
        sa.Column("height", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), nullable=True),
        sa.Column("duration", sa.Double(), nullable=True),
        sa.Column("size", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), nullable=True),
        sa.Column("blurhash", sa.String(length=128), nullable=True),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("focus_x", sa.Double(), nullable=False),
        sa.Column("focus_y", sa.Double(), nullable=False),
        sa.Column("upload_key", sa.Text(), nullable=True),
        sa.Column("storage_key", sa.Text(), nullable=True),
        sa.Column("poster_key", sa.Text(), nullable=True),
        sa.Column("manifest_key", sa.Text(), nullable=True),
        sa.Column("remote_url", sa.Text(), nullable=True),
        sa.Column("remote_poster_url", sa.Text(), nullable=True),
        sa.Column("manifest_url", sa.Text(), nullable=True),
        sa.Column("digest", sa.String(length=64), nullable=True),
        sa.Column("digital_source_type", sa.Text(), nullable=True),
        sa.Column("declared", sa.Boolean(), nullable=False),
        sa.Column("generator", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=True),
        sa.Column("record", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=True),
        sa.Column("prompt_nonce", sa.LargeBinary(), nullable=True),
        sa.Column("verdict", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=True),
        sa.Column("verdict_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("generation_id", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["actors.id"], name=op.f("fk_media_actor_id_actors"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["status_id"], ["statuses.id"], name=op.f("fk_media_status_id_statuses"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_media")),
    )
    with op.batch_alter_table("media", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_media_actor_id"), ["actor_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_media_status_id"), ["status_id"], unique=False)

    op.create_table(
        "mentions",
        sa.Column("status_id", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), nullable=False),
        sa.Column("actor_id", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), nullable=False),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["actors.id"], name=op.f("fk_mentions_actor_id_actors"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["status_id"], ["statuses.id"], name=op.f("fk_mentions_status_id_statuses"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("status_id", "actor_id", name=op.f("pk_mentions")),
    )
    with op.batch_alter_table("mentions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_mentions_actor_id"), ["actor_id"], unique=False)

    op.create_table(
        "notifications",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), autoincrement=False, nullable=False
        ),
        sa.Column("actor_id", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), nullable=False),
        sa.Column("from_actor_id", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), nullable=False),
        sa.Column("type", sa.String(length=24), nullable=False),
        sa.Column("status_id", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), nullable=True),
        sa.Column("about_id", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["actors.id"], name=op.f("fk_notifications_actor_id_actors"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["from_actor_id"], ["actors.id"], name=op.f("fk_notifications_from_actor_id_actors"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["status_id"], ["statuses.id"], name=op.f("fk_notifications_status_id_statuses"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notifications")),
        sa.UniqueConstraint(
            "actor_id",
            "from_actor_id",
            "type",
            "about_id",
            name=op.f("uq_notifications_actor_id_from_actor_id_type_about_id"),
        ),
    )
    with op.batch_alter_table("notifications", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_notifications_actor_id_id"), ["actor_id", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_notifications_status_id"), ["status_id"], unique=False)

    op.create_table(
        "one_time_tokens",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_one_time_tokens_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_one_time_tokens")),
    )
    op.create_table(
        "status_tags",
        sa.Column("status_id", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), nullable=False),
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.ForeignKeyConstraint(
            ["status_id"], ["statuses.id"], name=op.f("fk_status_tags_status_id_statuses"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("status_id", "key", name=op.f("pk_status_tags")),
    )
    with op.batch_alter_table("status_tags", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_status_tags_key_status_id"), ["key", "status_id"], unique=False)

    op.create_table(
        "web_sessions",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("user_agent", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_web_sessions_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_web_sessions")),
    )
    with op.batch_alter_table("web_sessions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_web_sessions_user_id"), ["user_id"], unique=False)

    op.create_table(
        "generations",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), autoincrement=False, nullable=False
        ),
        sa.Column("actor_id", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("seed", sa.String(length=24), nullable=False),
        sa.Column("width", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), nullable=False),
        sa.Column("height", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("fps", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), nullable=False),
        sa.Column("backend", sa.String(length=16), nullable=False),
        sa.Column("options", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("stage", sa.String(length=24), nullable=False),
        sa.Column("progress", sa.Double(), nullable=False),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("result", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=True),
        sa.Column("media_id", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), nullable=True),
        sa.Column("status_id", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), nullable=True),
        sa.Column("prompt_nonce", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("run_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempt", sa.BigInteger().with_variant(sa.BigInteger(), "postgresql"), nullable=False),
        sa.Column("lease_owner", sa.String(length=64), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["actors.id"], name=op.f("fk_generations_actor_id_actors"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["media_id"], ["media.id"], name=op.f("fk_generations_media_id_media"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["status_id"], ["statuses.id"], name=op.f("fk_generations_status_id_statuses"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_generations")),
    )
    with op.batch_alter_table("generations", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_generations_actor_id_id"), ["actor_id", "id"], unique=False)
        batch_op.create_index(
            "ix_generations_due",
            ["run_at"],
            unique=False,
            sqlite_where=sa.text("state IN ('queued', 'running')"),
            postgresql_where=sa.text("state IN ('queued', 'running')"),
        )


def downgrade() -> None:
    with op.batch_alter_table("generations", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_generations_due",
            sqlite_where=sa.text("state IN ('queued', 'running')"),
            postgresql_where=sa.text("state IN ('queued', 'running')"),
        )
        batch_op.drop_index(batch_op.f("ix_generations_actor_id_id"))

    op.drop_table("generations")
    with op.batch_alter_table("web_sessions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_web_sessions_user_id"))

    op.drop_table("web_sessions")
    with op.batch_alter_table("status_tags", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_status_tags_key_status_id"))

    op.drop_table("status_tags")
    op.drop_table("one_time_tokens")
    with op.batch_alter_table("notifications", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_notifications_status_id"))
        batch_op.drop_index(batch_op.f("ix_notifications_actor_id_id"))

    op.drop_table("notifications")
    with op.batch_alter_table("mentions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_mentions_actor_id"))

    op.drop_table("mentions")
    with op.batch_alter_table("media", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_media_status_id"))
        batch_op.drop_index(batch_op.f("ix_media_actor_id"))

    op.drop_table("media")
    with op.batch_alter_table("favourites", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_favourites_uri"))
        batch_op.drop_index(batch_op.f("ix_favourites_status_id"))

    op.drop_table("favourites")
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_deliveries_host_state"))
        batch_op.drop_index(
            "ix_deliveries_due",
            sqlite_where=sa.text("state = 'pending'"),
            postgresql_where=sa.text("state = 'pending'"),
        )

    op.drop_table("deliveries")
    op.drop_table("authorization_codes")
    with op.batch_alter_table("access_tokens", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_access_tokens_user_id"))
        batch_op.drop_index(batch_op.f("ix_access_tokens_code_hash"))
        batch_op.drop_index(batch_op.f("ix_access_tokens_app_id"))

    op.drop_table("access_tokens")
    op.drop_table("users")
    with op.batch_alter_table("statuses", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_statuses_reblog",
            sqlite_where=sa.text("reblog_of_id IS NOT NULL"),
            postgresql_where=sa.text("reblog_of_id IS NOT NULL"),
        )
        batch_op.drop_index("ix_statuses_public")
        batch_op.drop_index(batch_op.f("ix_statuses_in_reply_to_id"))
        batch_op.drop_index(batch_op.f("ix_statuses_actor_id_id"))

    op.drop_table("statuses")
    with op.batch_alter_table("outbox_activities", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_outbox_activities_object_uri"))
        batch_op.drop_index(batch_op.f("ix_outbox_activities_actor_id_id"))

    op.drop_table("outbox_activities")
    with op.batch_alter_table("follows", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_follows_uri"))
        batch_op.drop_index(batch_op.f("ix_follows_target_id_state"))
        batch_op.drop_index(batch_op.f("ix_follows_actor_id_state"))

    op.drop_table("follows")
    with op.batch_alter_table("blocks", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_blocks_uri"))
        batch_op.drop_index(batch_op.f("ix_blocks_target_id"))

    op.drop_table("blocks")
    op.drop_table("actor_keys")
    op.drop_table("tombstones")
    op.drop_table("remote_hosts")
    op.drop_table("oauth_apps")
    with op.batch_alter_table("login_attempts", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_login_attempts_key_at"))

    op.drop_table("login_attempts")
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_jobs_key", sqlite_where=sa.text("state = 'pending'"), postgresql_where=sa.text("state = 'pending'")
        )
        batch_op.drop_index(
            "ix_jobs_due", sqlite_where=sa.text("state = 'pending'"), postgresql_where=sa.text("state = 'pending'")
        )

    op.drop_table("jobs")
    op.drop_table("instance_facts")
    with op.batch_alter_table("inbox_messages", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_inbox_messages_due",
            sqlite_where=sa.text("state = 'pending'"),
            postgresql_where=sa.text("state = 'pending'"),
        )

    op.drop_table("inbox_messages")
    with op.batch_alter_table("actors", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_actors_shared_inbox"))
        batch_op.drop_index(batch_op.f("ix_actors_domain"))

    op.drop_table("actors")
