-- A journal and its lines and movement are posted by one statement; these triggers judge it as a whole, whoever posts.
-- Each looks its rows up by key. A session keeps the plan that it made when the tables were small; joined in any order,
-- that plan reads whole tables for each batch later on, and posting grows slower with the books. A lateral subquery with
-- LIMIT leaves no other way than one look-up for each new row, by index as scans are off.
-- Errors of class BO: BO001 journal incomplete, BO002 unbalanced, BO003 account, BO004 closed day, BO005 not a mirror.

CREATE FUNCTION refuse_posting(code text, message text, hint text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = code, MESSAGE = message, HINT = hint;
END $$;

-- Lines: on open accounts (locked against closing until commit), all lines of the journal at once, balanced.
CREATE FUNCTION guard_lines() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
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

    SELECT l.journal_id INTO wrong
    FROM (SELECT journal_id, count(*) AS lines, min(line_number) AS first, max(line_number) AS last,
                 min(posting_date) AS earliest, max(posting_date) AS latest
          FROM new_lines GROUP BY journal_id) l
    LEFT JOIN LATERAL (SELECT line_count, posting_date FROM journal WHERE journal_id = l.journal_id LIMIT 1) j ON true
    WHERE (l.lines, l.first, l.last, l.earliest, l.latest)
          IS DISTINCT FROM (j.line_count, 1, j.line_count, j.posting_date, j.posting_date)
    LIMIT 1;
    IF wrong IS NOT NULL THEN
        PERFORM refuse_posting('BO001', format('the lines are not those of a whole new journal %s', wrong),
                               'Post a journal and its lines 1 to line_count, on its posting_date, in one statement.');
    END IF;

    INSERT INTO account_balance AS balance (posting_date, account_code, currency, book, debit, credit, lines)
    SELECT l.posting_date, l.account_code, l.currency, j.book,
           coalesce(sum(l.amount) FILTER (WHERE l.amount > 0), 0),
           -coalesce(sum(l.amount) FILTER (WHERE l.amount < 0), 0), count(*)
    FROM new_lines l
    JOIN LATERAL (SELECT book FROM journal WHERE journal_id = l.journal_id LIMIT 1) j ON true
    GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
    ON CONFLICT (posting_date, account_code, currency, book) DO UPDATE
    SET debit = balance.debit + excluded.debit, credit = balance.credit + excluded.credit,
        lines = balance.lines + excluded.lines;
    RETURN NULL;
END $$;

CREATE TRIGGER guard_lines AFTER INSERT ON journal_line
    REFERENCING NEW TABLE AS new_lines FOR EACH STATEMENT EXECUTE FUNCTION guard_lines();
ALTER TABLE journal_line ENABLE ALWAYS TRIGGER guard_lines;

-- Journals: with lines and a movement, in an open day (locked against closing until commit), reversals exact.
CREATE FUNCTION guard_journals() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    wrong text;
BEGIN
    PERFORM FROM posting_calendar WHERE calendar IN (SELECT settlement_calendar FROM new_journals)
    ORDER BY calendar FOR SHARE;

    SELECT format('%s of calendar %s', min(j.posting_date), j.settlement_calendar) INTO wrong
    FROM new_journals j LEFT JOIN posting_calendar c ON c.calendar = j.settlement_calendar
    WHERE c.calendar IS NULL OR j.posting_date <= c.closed_through
    GROUP BY j.settlement_calendar LIMIT 1;
    IF wrong IS NOT NULL THEN
        PERFORM refuse_posting('BO004', format('day %s is closed or unknown', wrong), 'Post into an open day.');
    END IF;

    SELECT j.journal_id INTO wrong FROM new_journals j
    LEFT JOIN LATERAL (SELECT true AS found FROM journal_line WHERE journal_id = j.journal_id LIMIT 1) l ON true
    LEFT JOIN LATERAL (SELECT true AS found FROM stock_movement WHERE journal_id = j.journal_id LIMIT 1) m ON true
    WHERE l.found IS NULL OR m.found IS NULL
    LIMIT 1;
    IF wrong IS NOT NULL THEN
        PERFORM refuse_posting('BO001', format('journal %s has no lines or no movement', wrong),
                               'Post a journal, its lines and its movement in one statement.');
    END IF;

    IF EXISTS (SELECT FROM new_journals WHERE reverses_journal_id IS NOT NULL) THEN
        SELECT j.journal_id INTO wrong FROM new_journals j
        LEFT JOIN journal o ON o.journal_id = j.reverses_journal_id
        WHERE j.reverses_journal_id IS NOT NULL
          AND ((o.trade_id, o.book, o.isin, o.entity_lei)
                   IS DISTINCT FROM (j.trade_id, j.book, j.isin, j.entity_lei)
               OR o.reverses_journal_id IS NOT NULL OR o.posting_date > j.posting_date
               OR (j.kind = 'RELEASE' AND o.kind <> 'FAILING')
               OR (j.kind = 'REVERSAL' AND EXISTS (
                   SELECT FROM journal_line l WHERE l.journal_id IN (j.journal_id, o.journal_id)
                   GROUP BY l.account_code, l.currency HAVING sum(l.amount) <> 0))
               OR (j.kind = 'REVERSAL' AND EXISTS (
                   SELECT FROM stock_movement m WHERE m.journal_id IN (j.journal_id, o.journal_id)
                   HAVING sum(m.settled_quantity) <> 0 OR sum(m.unsettled_quantity) <> 0
                       OR sum(m.failing_quantity) <> 0)))
        LIMIT 1;
        IF wrong IS NOT NULL THEN
            PERFORM refuse_posting('BO005', format('journal %s does not mirror the journal it reverses', wrong),
                                   'A reversal swaps debit and credit of every line, in the same book.');
        END IF;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER guard_journals AFTER INSERT ON journal
    REFERENCING NEW TABLE AS new_journals FOR EACH STATEMENT EXECUTE FUNCTION guard_journals();
ALTER TABLE journal ENABLE ALWAYS TRIGGER guard_journals;

-- Movements: each belongs to a journal of the same book, instrument and day, so that one of them can't come alone.
CREATE FUNCTION guard_movements() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    wrong text;
BEGIN
    SELECT m.journal_id INTO wrong
    FROM new_movements m
    LEFT JOIN LATERAL (SELECT book, isin, posting_date FROM journal WHERE journal_id = m.journal_id LIMIT 1) j ON true
    WHERE (m.book, m.isin, m.posting_date) IS DISTINCT FROM (j.book, j.isin, j.posting_date)
    LIMIT 1;
    IF wrong IS NOT NULL THEN
        PERFORM refuse_posting('BO001', format('the movement is not that of journal %s', wrong),
                               'Post a journal, its lines and its movement in one statement.');
    END IF;

    INSERT INTO position_balance AS balance (posting_date, book, isin, trade_date_quantity, settled_quantity,
                                             unsettled_quantity, failing_quantity, movements)
    SELECT posting_date, book, isin, sum(trade_date_quantity), sum(settled_quantity), sum(unsettled_quantity),
           sum(failing_quantity), count(*)
    FROM new_movements GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ON CONFLICT (posting_date, book, isin) DO UPDATE
    SET trade_date_quantity = balance.trade_date_quantity + excluded.trade_date_quantity,
        settled_quantity = balance.settled_quantity + excluded.settled_quantity,
        unsettled_quantity = balance.unsettled_quantity + excluded.unsettled_quantity,
        failing_quantity = balance.failing_quantity + excluded.failing_quantity,
        movements = balance.movements + excluded.movements;
    RETURN NULL;
END $$;

CREATE TRIGGER guard_movements AFTER INSERT ON stock_movement
    REFERENCING NEW TABLE AS new_movements FOR EACH STATEMENT EXECUTE FUNCTION guard_movements();
ALTER TABLE stock_movement ENABLE ALWAYS TRIGGER guard_movements;

ALTER FUNCTION guard_lines() SET enable_seqscan = off;
ALTER FUNCTION guard_journals() SET enable_seqscan = off;
ALTER FUNCTION guard_movements() SET enable_seqscan = off;
