"""The ledger of consent is only added to: the database itself refuses to change or delete a row."""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_WORDS = "consents are only added to"


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION consents_stay() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{_WORDS}'; END $$"
        )
        op.execute(
            "CREATE TRIGGER consents_stay BEFORE UPDATE OR DELETE ON consents "
            "FOR EACH ROW EXECUTE FUNCTION consents_stay()"
        )
        return
    for what in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER consents_stay_{what.lower()} BEFORE {what} ON consents "
            f"BEGIN SELECT RAISE(ABORT, '{_WORDS}'); END"
        )


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER consents_stay ON consents")
        op.execute("DROP FUNCTION consents_stay()")
        return
    for what in ("update", "delete"):
        op.execute(f"DROP TRIGGER consents_stay_{what}")
