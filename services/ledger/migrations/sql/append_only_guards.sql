-- What was posted stands for ever: no update, delete or truncate, by anybody. BO006: append only. BO007: rollup.
-- BO008: a closed day stays closed. BO009: an account stays what its lines were posted to.

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'BO006', MESSAGE = format('%s is append-only: %s refused', TG_TABLE_NAME, TG_OP),
        HINT = 'Post a reversal and a new journal.';
END $$;

-- Rollups are kept by the triggers that guard the lines and movements, which run as the owner of the tables, and by
-- nobody else: a trigger on a temporary table runs as whoever made it, and may not borrow the functions of those.
REVOKE EXECUTE ON FUNCTION guard_lines(), guard_journals(), guard_movements() FROM PUBLIC;
CREATE FUNCTION refuse_foreign_rollup() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP IN ('DELETE', 'TRUNCATE') OR pg_trigger_depth() < 2
       OR current_user <> (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = TG_RELID) THEN
        RAISE EXCEPTION USING ERRCODE = 'BO007', MESSAGE = format('%s is kept by the database: %s refused',
            TG_TABLE_NAME, TG_OP), HINT = 'Post a journal: the rollups follow.';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION guard_calendar() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR NEW.calendar <> OLD.calendar OR NEW.closed_through < OLD.closed_through THEN
        RAISE EXCEPTION USING ERRCODE = 'BO008', MESSAGE = format('calendar %s is closed through %s', OLD.calendar,
            OLD.closed_through), HINT = 'Closed days are not reopened; post into the open day.';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION guard_account() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.code, NEW.type, NEW.normal_side) <> (OLD.code, OLD.type, OLD.normal_side) THEN
        RAISE EXCEPTION USING ERRCODE = 'BO009', MESSAGE = format('account %s keeps its code, type and side', OLD.code),
            HINT = 'Add another account, and close this one.';
    END IF;
    RETURN NEW;
END $$;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['booked_trade', 'journal', 'journal_line', 'stock_movement', 'account_status_change'] LOOP
        EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON %I
                        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', name);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER append_only', name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['account_balance', 'position_balance'] LOOP
        EXECUTE format('CREATE TRIGGER kept_rollup BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON %I
                        FOR EACH STATEMENT EXECUTE FUNCTION refuse_foreign_rollup()', name);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER kept_rollup', name);
    END LOOP;
END $$;

CREATE TRIGGER closed_stays_closed BEFORE UPDATE OR DELETE ON posting_calendar
    FOR EACH ROW EXECUTE FUNCTION guard_calendar();
ALTER TABLE posting_calendar ENABLE ALWAYS TRIGGER closed_stays_closed;
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON posting_calendar
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE posting_calendar ENABLE ALWAYS TRIGGER never_emptied;
-- Accounts that the books name can't go away or become others.
CREATE TRIGGER never_deleted BEFORE DELETE OR TRUNCATE ON account
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE account ENABLE ALWAYS TRIGGER never_deleted;
CREATE TRIGGER stays_itself BEFORE UPDATE ON account FOR EACH ROW EXECUTE FUNCTION guard_account();
ALTER TABLE account ENABLE ALWAYS TRIGGER stays_itself;
