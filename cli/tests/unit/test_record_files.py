"""Files of records: what each line becomes, and how an unreadable one is named."""

from pathlib import Path

import pytest

from backoffice_cli.reference_data.files import Records, read_records
from backoffice_cli.stack.errors import StackError

pytestmark = pytest.mark.unit


def read(folder: Path, content: str | bytes) -> Records:
    file = folder / "records"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_records(str(file))


def test_csv_cells_that_are_empty_state_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, "book,name\nB1,\n").rows == [{"book": "B1"}]


def test_csv_cells_become_what_the_api_takes(tmp_path: Path) -> None:
    licences = "EQUITY 2024-06-03;BOND 2024-06-03 2025-06-02"
    content = f"active,days,closures,licences\nfalse,2,2024-07-04;2024-09-02,{licences}\n"
    assert read(tmp_path, content).rows == [
        {
            "active": False,
            "days": 2,
            "closures": ["2024-07-04", "2024-09-02"],
            "licences": [
                {"product": "EQUITY", "valid_from": "2024-06-03"},
                {"product": "BOND", "valid_from": "2024-06-03", "valid_to": "2025-06-02"},
            ],
        }
    ]


def test_what_cannot_be_converted_is_left_for_the_api_to_refuse(tmp_path: Path) -> None:
    assert read(tmp_path, "active,days\nperhaps,-1\n").rows == [{"active": "perhaps", "days": "-1"}]


def test_a_row_is_named_by_the_line_it_begins_on(tmp_path: Path) -> None:
    found = read(tmp_path, '\ufeffbook,name\n\nB1,"two\nlines"\nB2,x\n')
    assert (found.lines, [row["book"] for row in found.rows]) == ([3, 5], ["B1", "B2"])


def test_a_line_with_too_few_cells_is_refused_by_itself(tmp_path: Path) -> None:
    found = read(tmp_path, "book,name\nB1\nB2,x\n")
    assert found.unreadable == [(2, "has 1 cells, the header 2")]
    assert found.lines == [3]


@pytest.mark.parametrize("content", ["book,name\n", "book,name\n\n"])
def test_a_header_alone_is_no_file_of_records(tmp_path: Path, content: str) -> None:
    with pytest.raises(StackError, match="no rows"):
        read(tmp_path, content)


def test_a_csv_that_ends_within_quotes_is_refused_there(tmp_path: Path) -> None:
    found = read(tmp_path, 'book,name\nB1,x\nB2,"y\n')
    assert found.lines == [2]
    assert [line for line, _ in found.unreadable] == [3]


def test_json_lines_are_told_by_their_brace_and_keep_every_digit(tmp_path: Path) -> None:
    found = read(tmp_path, '{"reference_price": 213.2500}\n\n{"isin"}\n{"a": NaN}\n{"b": 1}\n')
    assert found.rows == [{"reference_price": "213.2500"}, {"b": 1}]
    assert found.lines == [1, 5]
    assert [line for line, _ in found.unreadable] == [3, 4]


@pytest.mark.parametrize("content", ["", "\n", b"\xff\xfe"])
def test_a_file_that_holds_no_records_is_refused_as_a_whole(tmp_path: Path, content: str | bytes) -> None:
    with pytest.raises(StackError):
        read(tmp_path, content)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="nothing"):
        read_records(str(tmp_path / "nothing.csv"))
