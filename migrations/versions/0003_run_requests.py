"""What a person has asked of a run, and the epoch at which it was extended."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("runs", schema=None) as batch_op:
        batch_op.add_column(sa.Column("requested", sa.String(length=16), nullable=True))
        batch_op.add_column(sa.Column("extended_at_epoch", sa.Integer(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("runs", schema=None) as batch_op:
        batch_op.drop_column("extended_at_epoch")
        batch_op.drop_column("requested")
