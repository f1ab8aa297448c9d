"""Database migrations (Alembic); `fedisora migrate` runs them."""
