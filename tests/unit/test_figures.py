"""Figures of benchmarks are kept, shown and compared; and what the documents show is what was measured."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import pages
from benchmarks.awake import AT_WORK, processors_awake
from benchmarks.blocks import timed_in_turn
from benchmarks.figures import all_committed, committed, exceeded, publish, show
from benchmarks.measured import Measured, Plot, Point, Table

CHECKOUT = Path(__file__).parents[2]
PAGE = "docs/explanation/performance.md"
START = re.compile(r"<!-- figures ([\w-]+)\.")
EMPTY_PAGE = """# Figures

<!-- figures speed.calls -->
<!-- end figures -->

Words between.

<!-- figures size.disk -->
<!-- end figures -->

<!-- figures speed.surroundings -->
what was here before
<!-- end figures -->
"""
CALLS = Table(
    "calls", "Time of a call", ["call", "µs", "who"], [["load", "120", "us"], ["add", "", "them"]], "One run."
)
LINES = Plot("calls", "By size", "lines", "items", "ms", {"load": [Point(1000, 1.5, 1, 2)]}, caption="It is flat.")
BARS = replace(LINES, kind="bars", series={"load": [Point("near", 1.5), Point("far", 3)], "add": [Point("near", 0.5)]})
SPEED = Measured(
    "speed", "make bench", {"machine": "mine"}, [CALLS], [], {"load: ours / theirs": 0.8}, {"load": [1, 2]}
)


@pytest.fixture
def checkout(tmp_path):
    (tmp_path / PAGE).parent.mkdir(parents=True)
    (tmp_path / PAGE).write_text(EMPTY_PAGE)
    return tmp_path


def with_ratio(value):
    return replace(SPEED, ratios={"load: ours / theirs": value})


def test_what_is_published_is_kept(checkout):
    publish(SPEED, checkout)
    kept = committed("speed", checkout)
    assert kept == SPEED
    assert all_committed(checkout) == {"speed": kept}


def test_what_is_published_stands_between_its_markers_and_nowhere_else(checkout):
    publish(SPEED, checkout)
    assert (
        (checkout / PAGE).read_text()
        == """# Figures

<!-- figures speed.calls -->
**Time of a call**

| call | µs | who |
| --- | --: | --- |
| load | 120 | us |
| add |  | them |

One run.
<!-- end figures -->

Words between.

<!-- figures size.disk -->
<!-- end figures -->

<!-- figures speed.surroundings -->
- command: `make bench`
- machine: mine
<!-- end figures -->
"""
    )


def test_publishing_twice_changes_nothing(checkout):
    publish(SPEED, checkout)
    before = (checkout / PAGE).read_text()
    publish(SPEED, checkout)
    assert (checkout / PAGE).read_text() == before


def test_a_table_that_is_gone_leaves_no_figures_behind(checkout):
    publish(SPEED, checkout)
    publish(replace(SPEED, tables=[]), checkout)
    assert "<!-- figures speed.calls -->\n<!-- end figures -->" in (checkout / PAGE).read_text()


def test_a_table_without_a_place_is_told(checkout, capsys):
    publish(replace(SPEED, tables=[CALLS, replace(CALLS, name="turns")]), checkout)
    told = capsys.readouterr().out
    assert "<!-- figures speed.turns -->" in told
    assert "speed.calls" not in told


def test_a_plot_stands_below_the_table_of_its_name():
    text = pages.with_figures(EMPTY_PAGE, {"speed": replace(SPEED, plots=[LINES])}, PAGE)
    assert "One run.\n\n![By size. It is flat.](../assets/figures/speed-calls.svg)\n<!-- end" in text
    assert "](docs/assets/figures/speed-calls.svg)" in pages.with_figures(
        EMPTY_PAGE, {"speed": replace(SPEED, plots=[LINES])}, "README.md"
    )


def test_ratios_above_one_are_shown_where_they_belong():
    page = "<!-- figures speed.behind -->\n<!-- end figures -->\n"
    ratios = {"load: ours / theirs": 0.8, "size: ours / theirs": 1.25, "list: ours / theirs": 3.0}
    shown = pages.with_figures(page, {"speed": replace(SPEED, ratios=ratios)}, PAGE)
    assert [line for line in shown.splitlines() if "ours" in line] == [
        "| list: ours / theirs | 3.00 |",
        "| size: ours / theirs | 1.25 |",
    ]
    assert "None of the guarded ratios is above one." in pages.with_figures(page, {"speed": SPEED}, PAGE)


def test_what_was_measured_is_shown_with_its_surroundings(capsys):
    show(SPEED)
    assert capsys.readouterr().out == f"{pages.text_of_table(CALLS)}\n\n- command: `make bench`\n- machine: mine\n\n"


def test_a_ratio_may_grow_by_half_and_no_more(checkout):
    publish(SPEED, checkout)
    assert exceeded(with_ratio(1.19), checkout) == []
    assert exceeded(with_ratio(0.1), checkout) == []
    assert exceeded(with_ratio(1.21), checkout) == [
        "load: ours / theirs: 1.21, which is more than 1.5 times the committed 0.80"
    ]


def test_what_was_never_measured_before_is_not_exceeded(checkout):
    assert exceeded(SPEED, checkout) == []
    publish(SPEED, checkout)
    assert exceeded(replace(SPEED, ratios={"another": 99.0}), checkout) == []


@pytest.mark.parametrize("plot", [LINES, BARS], ids=lambda plot: plot.kind)
def test_a_drawing_is_the_same_each_time(plot, tmp_path):
    plots = pytest.importorskip("benchmarks.plots", reason="matplotlib is installed only where figures are published")
    drawn = []
    for name in ("first.svg", "second.svg"):
        plots.draw(plot, tmp_path / name)
        drawn.append((tmp_path / name).read_text())
    assert drawn[0] == drawn[1]
    assert [text for text in (plot.digest(), plot.title, *plot.series) if text not in drawn[0]] == []


async def test_everybody_makes_as_many_calls_and_another_one_begins_each_round():
    made = []

    def block(name):
        async def call():
            made.append(name)

        return lambda calls: [call] * calls

    seconds = await timed_in_turn({"a": block("a"), "b": block("b")}, rounds=2, calls=3, warm_up=1)
    assert "".join(made) == "ab" + "aaabbb" + "bbbaaa"
    assert {name: len(rounds) for name, rounds in seconds.items()} == {"a": 2, "b": 2}


def test_processors_are_kept_awake_or_it_is_told_why_not():
    with processors_awake() as how:
        assert how == AT_WORK or how.startswith("left to fall asleep: ")


RESULTS = all_committed()
DOCUMENTS = [name for name in pages.DOCUMENTS if (CHECKOUT / name).exists()]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_document_shows_what_was_committed(document):
    text = (CHECKOUT / document).read_text()
    assert pages.with_figures(text, RESULTS, document) == text, "python benchmarks/figures.py writes it anew"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_nothing_is_shown_that_was_not_committed(document):
    blocks = list(pages.BLOCK.finditer((CHECKOUT / document).read_text()))
    assert [block[0] for block in blocks if block[2] not in RESULTS and block[4]] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_marker_has_its_end(document):
    text = (CHECKOUT / document).read_text()
    starts, ends = len(START.findall(text)), text.count("<!-- end figures -->")
    assert starts == ends == len(list(pages.BLOCK.finditer(text)))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_figures_stand_nowhere_but_between_markers(document):
    text = pages.BLOCK.sub("", (CHECKOUT / document).read_text())
    assert f"{Path(pages.DRAWINGS).name}/" not in text
    if document == PAGE:
        assert re.findall(r"\b\d[\d.,]* ?(?:µs|ms|kB|MB|GB|times|%)", text) == []


def test_all_that_was_committed_is_shown_and_nothing_else_has_a_place():
    places = {name: pages.places(name, CHECKOUT) for name in RESULTS}
    assert places == {name: pages.names_in(measured) for name, measured in RESULTS.items()}


def test_every_drawing_is_one_of_the_committed_figures():
    plots = {pages.drawing_of(each, plot): plot for each in RESULTS.values() for plot in each.plots}
    drawings = {str(path.relative_to(CHECKOUT)): path.read_text() for path in (CHECKOUT / pages.DRAWINGS).glob("*")}
    assert plots.keys() == drawings.keys()
    assert [name for name, plot in plots.items() if plot.digest() not in drawings[name]] == []
