"""The table of coverage is complete, and as the code is now."""

import coverage_table


def test_no_item_is_missing():
    assert not coverage_table.missing(coverage_table.rows())


def test_table_is_up_to_date():
    assert coverage_table.TABLE.read_text(encoding="utf-8") == coverage_table.text(
        coverage_table.rows()
    )
