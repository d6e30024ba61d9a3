-- What the first guards let pass: a calendar that goes back, and quantities that are no numbers.

CREATE OR REPLACE FUNCTION guard_calendar() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR NEW.calendar <> OLD.calendar OR NEW.closed_through < OLD.closed_through THEN
        RAISE EXCEPTION USING ERRCODE = 'BO008', MESSAGE = format('calendar %s is closed through %s', OLD.calendar,
            OLD.closed_through), HINT = 'Closed days are not reopened; post into the open day.';
    END IF;
    IF NEW.version < OLD.version OR NEW.business_date < OLD.business_date THEN
        RAISE EXCEPTION USING ERRCODE = 'BO008', MESSAGE = format('calendar %s stands at %s, version %s', OLD.calendar,
            OLD.business_date, OLD.version), HINT = 'Business days do not go back; roll the calendar forward.';
    END IF;
    RETURN NEW;
END $$;

-- NaN equals NaN and Infinity itself, so that the sum of the parts says nothing of them. NaN is above Infinity here.
ALTER TABLE stock_movement ADD CONSTRAINT finite_quantities CHECK (
    abs(settled_quantity) < 'Infinity' AND abs(unsettled_quantity) < 'Infinity' AND abs(failing_quantity) < 'Infinity'
);
