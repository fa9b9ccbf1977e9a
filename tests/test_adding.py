"""The page on adding components shows the sources as they are, and stays within its budgets."""

import adding


def test_page_is_up_to_date():
    assert adding.PAGE.read_text(encoding="utf-8") == adding.text()


def test_an_optimizer_takes_forty_lines_at_most():
    (optimizer,) = [kind for kind in adding.KINDS if "optimizer" in kind.title]
    assert sum(len(adding.part(*place)) for place in optimizer.parts) <= 40
