-- Accounts, journals, the stock record, and the rollups that are read.

CREATE TABLE account (
    code text PRIMARY KEY CHECK (code ~ '^[0-9]{4}$'),
    name text NOT NULL,
    type text NOT NULL CHECK (type IN ('ASSET', 'LIABILITY', 'EQUITY', 'INCOME', 'EXPENSE')),
    normal_side text NOT NULL CHECK (normal_side IN ('DEBIT', 'CREDIT')),
    status text NOT NULL DEFAULT 'OPEN' CHECK (status IN ('OPEN', 'CLOSED')),
    version integer NOT NULL DEFAULT 1
);
CREATE TABLE account_status_change (
    code text NOT NULL REFERENCES account,
    version integer NOT NULL,
    status text NOT NULL,
    reason text NOT NULL,
    changed_by text NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (code, version)
);

INSERT INTO account (code, name, type, normal_side) VALUES
    ('1100', 'Cash at bank', 'ASSET', 'DEBIT'),
    ('1210', 'Receivable for unsettled trades', 'ASSET', 'DEBIT'),
    ('1220', 'Fails to deliver', 'ASSET', 'DEBIT'),
    ('1230', 'Accrued interest receivable', 'ASSET', 'DEBIT'),
    ('1310', 'Investments at fair value through profit or loss', 'ASSET', 'DEBIT'),
    ('1320', 'Investments at fair value through other comprehensive income', 'ASSET', 'DEBIT'),
    ('1330', 'Investments at amortised cost', 'ASSET', 'DEBIT'),
    ('2110', 'Payable for unsettled trades', 'LIABILITY', 'CREDIT'),
    ('2120', 'Fails to receive', 'LIABILITY', 'CREDIT'),
    ('6110', 'Transaction costs', 'EXPENSE', 'DEBIT');

CREATE TABLE posting_calendar (
    calendar text PRIMARY KEY,
    version integer NOT NULL DEFAULT 0,
    business_date date,
    status text CHECK (status IN ('OPEN', 'CLOSED')),
    closed_through date NOT NULL DEFAULT '-infinity'
);

CREATE TABLE booked_trade (trade_id uuid PRIMARY KEY);

CREATE TABLE journal (
    journal_id uuid PRIMARY KEY,
    source_event_id uuid NOT NULL,
    kind text NOT NULL
        CHECK (kind IN ('TRADE_DATE', 'SETTLEMENT', 'FAILING', 'REVERSAL', 'RELEASE')),
    trade_id uuid NOT NULL,
    trade_version integer NOT NULL CHECK (trade_version > 0),
    instruction_id text CHECK ((instruction_id IS NOT NULL) OR kind NOT IN ('SETTLEMENT', 'FAILING')),
    csd_reference text CHECK ((csd_reference IS NOT NULL) = (kind = 'SETTLEMENT')),
    reverses_journal_id uuid
        CHECK ((reverses_journal_id IS NOT NULL) = (kind IN ('REVERSAL', 'RELEASE'))),
    effective_date date NOT NULL CHECK (isfinite(effective_date)),
    posting_date date NOT NULL CHECK (isfinite(posting_date)),
    settlement_calendar text NOT NULL,
    entity_lei text NOT NULL,
    book text NOT NULL,
    isin text NOT NULL,
    line_count smallint NOT NULL CHECK (line_count > 0),
    recorded_at timestamptz NOT NULL,
    -- A source event posts one journal; all else it posts are reversals, of which each journal has one at most.
    CONSTRAINT journal_source_event UNIQUE NULLS NOT DISTINCT (source_event_id, reverses_journal_id)
);
-- One trade-date journal for a trade's version, one fail for an instruction, one settlement for a CSD's confirmation.
CREATE UNIQUE INDEX journal_natural_key ON journal
    (trade_id, trade_version, kind, coalesce(csd_reference, instruction_id), reverses_journal_id) NULLS NOT DISTINCT;
CREATE UNIQUE INDEX journal_reverses ON journal (reverses_journal_id)
    WHERE reverses_journal_id IS NOT NULL;
-- Journals are posted in the order of their days, or nearly: a block range index finds days at no cost.
CREATE INDEX journal_posting_date ON journal USING brin (posting_date) WITH (pages_per_range = 32);

CREATE TABLE journal_line (
    journal_id uuid NOT NULL,
    line_number smallint NOT NULL,
    account_code text NOT NULL,
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    amount numeric NOT NULL,
    posting_date date NOT NULL,
    PRIMARY KEY (journal_id, line_number)
);
CREATE INDEX journal_line_posting_date ON journal_line USING brin (posting_date)
    WITH (pages_per_range = 32);

CREATE TABLE account_balance (
    posting_date date NOT NULL,
    account_code text NOT NULL,
    currency text NOT NULL,
    book text NOT NULL,
    debit numeric NOT NULL,
    credit numeric NOT NULL,
    lines bigint NOT NULL,
    PRIMARY KEY (posting_date, account_code, currency, book)
) WITH (fillfactor = 50);

CREATE TABLE stock_movement (
    journal_id uuid PRIMARY KEY,
    book text NOT NULL,
    isin text NOT NULL,
    posting_date date NOT NULL,
    trade_date_quantity numeric NOT NULL,
    settled_quantity numeric NOT NULL,
    unsettled_quantity numeric NOT NULL,
    failing_quantity numeric NOT NULL,
    CONSTRAINT in_flight_or_settled
        CHECK (trade_date_quantity = settled_quantity + unsettled_quantity + failing_quantity)
);

CREATE TABLE position_balance (
    posting_date date NOT NULL,
    book text NOT NULL,
    isin text NOT NULL,
    trade_date_quantity numeric NOT NULL,
    settled_quantity numeric NOT NULL,
    unsettled_quantity numeric NOT NULL,
    failing_quantity numeric NOT NULL,
    movements bigint NOT NULL,
    PRIMARY KEY (posting_date, book, isin)
) WITH (fillfactor = 50);
