"""What one person proposes and another one decides on; what is to become of a case, and changes of rules, are such."""

from alembic import op

from backoffice_chassis.approvals import schema as approvals

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# A proposal had no deadline: one that waits gets a week from the migration on. Its reason stands in the case's history.
MOVE = """
INSERT INTO approval (approval_id, kind, object_id, terms, reason, status, proposed_by, proposed_at, expires_at)
SELECT gen_random_uuid(), 'case-resolution', step.case_id::text,
       json_build_object('case_id', step.case_id, 'resolution', proposed.proposal), step.reason, 'PROPOSED',
       proposed.proposed_by, step.at, now() + interval '7 days'
FROM compliance_case AS proposed
JOIN case_step AS step ON step.case_id = proposed.case_id AND step.sequence = (
    SELECT max(sequence) FROM case_step AS each WHERE each.case_id = proposed.case_id AND action LIKE '%_PROPOSED'
)
WHERE proposed.status = 'PROPOSED'
"""
# Rules that wait get thirty days. What was proposed stays in the old rows, which no rulebook reads.
MOVE_RULES = """
INSERT INTO approval (approval_id, kind, terms, reason, status, proposed_by, proposed_at, expires_at)
SELECT gen_random_uuid(), 'rule-change',
       (SELECT json_build_object('rules', json_agg(json_build_object(
            'kind', kind, 'subject', subject, 'valid_from', valid_from, 'valid_to', valid_to, 'active', active,
            'terms', terms) ORDER BY rule_id))
        FROM rule WHERE rule.change_id = rule_change.change_id),
       reason, 'PROPOSED', proposed_by, proposed_at, now() + interval '30 days'
FROM rule_change WHERE status = 'PROPOSED'
"""
STEPS = """
INSERT INTO approval_step (approval_id, sequence, status, actor, at, reason)
SELECT approval_id, 1, status, proposed_by, proposed_at, reason FROM approval
"""
OPEN = """
UPDATE compliance_case SET status = 'OPEN', proposal = NULL, proposed_by = NULL WHERE status = 'PROPOSED'
"""


def upgrade() -> None:
    approvals.upgrade_0001(op)
    for statement in (MOVE, MOVE_RULES, STEPS, OPEN):
        op.execute(statement)
