-- What posting asks of the database, with fewer look-ups; what it refuses stays the same.

-- As before, but each journal is looked up once for all of its lines, to check them and to roll them up. That joins what
-- has no index, where a nested loop would compare each line with each journal.
CREATE OR REPLACE FUNCTION guard_lines() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET enable_seqscan = off SET enable_nestloop = off AS $$
DECLARE
    wrong text;
BEGIN
    PERFORM FROM account WHERE code IN (SELECT account_code FROM new_lines) ORDER BY code FOR SHARE;

    SELECT string_agg(DISTINCT l.account_code, ', ') INTO wrong
    FROM new_lines l LEFT JOIN account a ON a.code = l.account_code AND a.status = 'OPEN'
    WHERE a.code IS NULL;
    IF wrong IS NOT NULL THEN
        PERFORM refuse_posting('BO003', format('account %s is unknown or closed', wrong), 'Open the account first.');
    END IF;

    SELECT format('%s in %s', journal_id, currency) INTO wrong
    FROM new_lines GROUP BY journal_id, currency HAVING sum(amount) <> 0 LIMIT 1;
    IF wrong IS NOT NULL THEN
        PERFORM refuse_posting('BO002', format('journal %s does not balance', wrong),
                               'Debits must equal credits in each currency.');
    END IF;

    WITH posted AS MATERIALIZED (
        SELECT l.journal_id, j.book,
               (l.lines, l.first, l.last, l.earliest, l.latest)
                   IS NOT DISTINCT FROM (j.line_count, 1, j.line_count, j.posting_date, j.posting_date) AS complete
        FROM (SELECT journal_id, count(*) AS lines, min(line_number) AS first, max(line_number) AS last,
                     min(posting_date) AS earliest, max(posting_date) AS latest
              FROM new_lines GROUP BY journal_id) l
        LEFT JOIN LATERAL (
            SELECT book, line_count, posting_date FROM journal WHERE journal_id = l.journal_id LIMIT 1
        ) j ON true
    ), rolled_up AS (
        INSERT INTO account_balance AS balance (posting_date, account_code, currency, book, debit, credit, lines)
        SELECT l.posting_date, l.account_code, l.currency, p.book,
               coalesce(sum(l.amount) FILTER (WHERE l.amount > 0), 0),
               -coalesce(sum(l.amount) FILTER (WHERE l.amount < 0), 0), count(*)
        FROM new_lines l JOIN posted p USING (journal_id)
        WHERE p.complete GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
        ON CONFLICT (posting_date, account_code, currency, book) DO UPDATE
        SET debit = balance.debit + excluded.debit, credit = balance.credit + excluded.credit,
            lines = balance.lines + excluded.lines
    )
    SELECT journal_id INTO wrong FROM posted WHERE NOT complete LIMIT 1;
    IF wrong IS NOT NULL THEN
        PERFORM refuse_posting('BO001', format('the lines are not those of a whole new journal %s', wrong),
                               'Post a journal and its lines 1 to line_count, on its posting_date, in one statement.');
    END IF;
    RETURN NULL;
END $$;

-- The books of trades, by key whatever the plan: a session that made its plan when the tables were small would compare
-- each row with each id later on.
CREATE FUNCTION journals_of(trades uuid[]) RETURNS SETOF journal LANGUAGE sql STABLE SET enable_seqscan = off AS $$
    SELECT * FROM journal WHERE trade_id = ANY(trades)
$$;

-- Locks the books of trades in the order of their ids until the transaction ends, and tells which journals they hold.
CREATE FUNCTION lock_books(trades uuid[])
RETURNS TABLE (trade_id text, trade_version integer, kind text, reference text, source_event_id text)
LANGUAGE plpgsql SET enable_seqscan = off AS $$
#variable_conflict use_column
BEGIN
    INSERT INTO booked_trade (trade_id) SELECT t FROM unnest(trades) AS t ORDER BY t ON CONFLICT DO NOTHING;
    PERFORM FROM booked_trade b WHERE b.trade_id = ANY(trades) ORDER BY b.trade_id FOR NO KEY UPDATE;
    RETURN QUERY SELECT j.trade_id::text, j.trade_version, j.kind, coalesce(j.csd_reference, j.instruction_id),
        j.source_event_id::text FROM journal j WHERE j.trade_id = ANY(trades);
END $$;
