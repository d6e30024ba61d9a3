"""The whole books, whichever run they stem from: balanced, complete, and rolled up as they are."""

from backoffice_cli.auditor.picture import Picture
from backoffice_cli.auditor.report import Statement


def books_balance(picture: Picture) -> Statement:
    """Sum all lines by currency, and each journal."""
    statement = Statement("debits equal credits: in every journal, and over all per currency")
    ledger = picture.evidence.ledger
    for row in ledger.by_currency:
        statement.expect(f"{row['currency']} over all lines", 0, row["amount"])
    statement.checked += ledger.sizes[0]["journals"] - len(ledger.unbalanced)
    for row in ledger.unbalanced:
        statement.expect(f"journal {row['journal_id']} in {row['currency']}", 0, row["amount"])
    return statement


def journals_are_whole(picture: Picture) -> Statement:
    """Count the lines and movements of each journal, and look for those that belong to none."""
    statement = Statement("every journal has all its lines and its movement, and these belong to a journal")
    ledger = picture.evidence.ledger
    statement.checked += ledger.sizes[0]["journals"] - len(ledger.incomplete)
    for row in ledger.incomplete:
        key = f"{picture.names(row['trade_id'])} journal {row['journal_id']}, lines and movement"
        statement.expect(key, (row["line_count"], True), (row["lines"], row["moves"]))
    for row in ledger.homeless:
        statement.expect(f"{row['what']} of journal {row['journal_id']}", "a journal", "none")
    return statement


def rollups_are_the_lines(picture: Picture) -> Statement:
    """Compare the balances and positions that are read with what they are made of."""
    statement = Statement("balances equal the sum of the lines, positions the sum of the movements")
    ledger = picture.evidence.ledger
    sizes = ledger.sizes[0]
    differences = (*ledger.balance_differences, *ledger.position_differences)
    statement.checked += max(0, sizes["balances"] + sizes["positions"] - len(differences))
    for row in ledger.balance_differences:
        key = f"{row['posting_date']} account {row['account_code']} {row['currency']} {row['book']}"
        statement.expect(f"{key}, debit, credit and lines", row["expected"], row["found"])
    for row in ledger.position_differences:
        key = f"{row['posting_date']} position {row['book']} {row['isin']}"
        statement.expect(
            f"{key}, traded, settled, unsettled, failing, movements", row["expected"], row["found"]
        )
    return statement


STATEMENTS = (books_balance, journals_are_whole, rollups_are_the_lines)
