"""What one person proposes and another one decides on; changes of settlement instructions are such."""

from alembic import op

from backoffice_chassis.approvals import schema as approvals

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# The old table stays until no release that reads it runs any more. A proposal had no deadline: one that waits gets
# thirty days from the migration on.
MOVE = """
INSERT INTO approval (approval_id, kind, object_id, terms, reason, status, proposed_by, proposed_at, expires_at,
                      decided_by, decided_at)
SELECT proposal_id, 'settlement-instruction-change', party || '/' || place_of_settlement || '/' || currency,
       json_build_object('party', party, 'place_of_settlement', place_of_settlement, 'currency', currency,
                         'agent_bic', agent_bic, 'safekeeping_account', safekeeping_account,
                         'cash_account', cash_account, 'effective_from', effective_from, 'active', active,
                         'version', version),
       NULL,
       CASE WHEN status = 'PENDING' THEN 'PROPOSED'
            WHEN status = 'REJECTED' AND decided_by = proposed_by THEN 'WITHDRAWN'
            ELSE status END,
       proposed_by, proposed_at, now() + interval '30 days', decided_by, decided_at
FROM settlement_instruction_proposal
"""
PROPOSED = """
INSERT INTO approval_step (approval_id, sequence, status, actor, at)
SELECT approval_id, 1, 'PROPOSED', proposed_by, proposed_at FROM approval
"""
DECIDED = """
INSERT INTO approval_step (approval_id, sequence, status, actor, at, reason)
SELECT approval_id, 2, approval.status, approval.decided_by, approval.decided_at, old.reason
FROM approval JOIN settlement_instruction_proposal AS old ON old.proposal_id = approval_id
WHERE approval.status <> 'PROPOSED'
"""


def upgrade() -> None:
    approvals.upgrade_0001(op)
    for statement in (MOVE, PROPOSED, DECIDED):
        op.execute(statement)
