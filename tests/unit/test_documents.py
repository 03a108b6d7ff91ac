"""What the documents say of names, arguments, errors, tables and tests is what there is."""

import ast
import inspect
import re
import tomllib
from dataclasses import MISSING, fields
from pathlib import Path

import pytest
from chatkit.store import Store

import chatkit_pgstore
from chatkit_pgstore import BufferedStore, PostgresStore, UsersTable, _failures, _url_parameters, errors, testing
from chatkit_pgstore._tables import VERSION_TABLE, metadata
from chatkit_pgstore.attachments import FileAttachments, Files
from examples.fastapi_app.settings import VARIABLES, Settings
from tests.support import command_page

CHECKOUT = Path(__file__).parents[2]
DOCS = CHECKOUT / "docs"
README = CHECKOUT / "README.md"
CONTRIBUTING = CHECKOUT / "CONTRIBUTING.md"
API = DOCS / "reference" / "api.md"
ERRORS = DOCS / "reference" / "errors.md"
TABLES = DOCS / "reference" / "tables.md"
URLS = DOCS / "reference" / "urls.md"
SETTINGS = DOCS / "reference" / "settings.md"
GUARANTEES = DOCS / "explanation" / "guarantees.md"
PAGES = sorted([*CHECKOUT.glob("*.md"), *DOCS.rglob("*.md")])

ABSTRACT_METHODS = sorted(Store.__abstractmethods__)
SQLSTATE = re.compile(r"\b\d[0-9A-Z]{4}\b")
TEST = re.compile(r"`((?:tests|src)/[\w/]+\.py)((?:::\w+)+)`")
FILE_OF_TESTS = re.compile(r"`((?:tests|src)/[\w/]+\.py)`")
WITH_SETTINGS = [PostgresStore, BufferedStore, UsersTable, Files, FileAttachments]


def path_of(page):
    return str(page.relative_to(CHECKOUT))


def prose(page):
    """Return a page without its blocks of code."""
    return re.sub(r"^( *)```.*?^\1```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def headings(page):
    return re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)


def anchors(page):
    """Return what GitHub makes of the headings."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings(page)}


def links(page):
    """Return where a page's links lead, apart from other sites."""
    targets = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]+`", "code", prose(page)))
    return [target for target in targets if not target.startswith("https://")]


def section(page, heading):
    """Return what stands under a heading, with its deeper ones."""
    text = page.read_text()
    [found] = re.findall(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return found


def code_in(text):
    """Return what stands between single backticks."""
    return re.findall(r"`([^`\n]+)`", text)


def leads_somewhere(page, link):
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    return target.exists() and (not anchor or anchor in anchors(target))


def project():
    return tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]


@pytest.mark.parametrize("page", PAGES, ids=path_of)
def test_every_link_of_a_page_leads_somewhere(page):
    assert [link for link in links(page) if not leads_somewhere(page, link)] == []


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=path_of)
def test_a_page_is_found_from_the_index(page):
    index, decisions = DOCS / "index.md", DOCS / "decisions" / "README.md"
    list_of_its_own = decisions if decisions.parent in page.parents and page != decisions else index
    assert page == index or str(page.relative_to(list_of_its_own.parent)) in links(list_of_its_own)


def test_the_readme_is_short():
    assert len(README.read_text().splitlines()) <= 120


def test_the_readme_shows_code_at_once():
    assert README.read_text().splitlines().index("```python") + 1 < 30


def test_the_readme_shows_both_commands():
    assert {"make demo", "make test"} <= set(code_in(section(README, "Two commands")))


def test_the_readme_requires_what_the_package_requires():
    stated = [code for code in code_in(section(README, "Requirements")) if ">=" in code]
    assert stated == [project()["requires-python"], *project()["dependencies"]]


@pytest.mark.parametrize("page", PAGES, ids=path_of)
def test_every_make_command_exists(page):
    targets = re.findall(r"^([a-z0-9-]+):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE)
    named = re.findall(r"\bmake ([a-z0-9-]+)", " ".join(code_in(page.read_text())))
    assert set(named) <= set(targets)


def test_a_newcomer_is_told_where_every_module_lives():
    modules = {path.name for path in Path(chatkit_pgstore.__file__).parent.glob("*.py")}
    told = {code.rpartition("/")[2] for code in code_in(section(CONTRIBUTING, "Where things live"))}
    assert modules - told == {"__init__.py"}


@pytest.mark.parametrize("name", [*chatkit_pgstore.__all__, *testing.__all__])
def test_every_public_name_is_in_the_reference(name):
    assert f"`{name}`" in API.read_text()


def test_the_reference_names_the_arguments_of_the_constructor():
    stated = re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", section(API, "The constructor"), re.MULTILINE)
    arguments = list(inspect.signature(PostgresStore).parameters.values())
    assert stated == [(argument.name, repr(argument.default)) for argument in arguments]


def test_the_reference_names_the_methods_of_a_store_with_their_arguments():
    stated = re.findall(r"^\| `(\w+)\(([^)]*)\)` \|", section(API, "The methods of `Store`"), re.MULTILINE)
    expected = {name: list(inspect.signature(getattr(Store, name)).parameters)[1:] for name in ABSTRACT_METHODS}
    assert {name: arguments.split(", ") for name, arguments in stated} == expected


@pytest.mark.parametrize("name", [name for name in vars(PostgresStore) if not name.startswith("_")])
def test_every_public_name_of_the_store_is_in_the_reference(name):
    assert re.search(rf"`[^`\n]*(store\.{name}\b|\b{name}\()", API.read_text())


def test_the_tree_of_errors_is_that_of_the_code():
    [tree] = re.findall(r"^```text\n(.*?)^```", ERRORS.read_text(), re.MULTILINE | re.DOTALL)
    assert tree.strip() in inspect.cleandoc(errors.__doc__).replace("\n    ", "\n")


def test_every_error_says_what_to_do():
    stated = re.findall(r"^\| `(\w+)` \|", section(ERRORS, "What to do"), re.MULTILINE)
    assert sorted(stated) == sorted([*errors.__all__, "ValueError"])


def test_the_failures_that_are_sent_again_are_those_of_the_code():
    sent_again, not_again = section(ERRORS, "What is sent again").split("not sent again")
    assert set(SQLSTATE.findall(sent_again)) == _failures.WORTH_ANOTHER_ATTEMPT
    assert set(SQLSTATE.findall(not_again)) == {
        *_failures.SCHEMA_MISSING,
        *_failures.LOGIN_REFUSED,
        *_failures.STATEMENT_OF_ANOTHER,
        _failures.ROLE_LACKS_RIGHTS,
        _failures.LOCK_NOT_GRANTED,
    }


def test_the_diagram_shows_every_table_and_column():
    drawn = re.findall(r"^    (\w+) \{\n(.*?)^    \}", TABLES.read_text(), re.MULTILINE | re.DOTALL)
    columns = {table: re.findall(r"^ +\w+ (\w+)", body, re.MULTILINE) for table, body in drawn}
    expected = {table.name: table.columns.keys() for table in metadata.sorted_tables}
    assert columns == {**expected, VERSION_TABLE: ["version_num"]}


def test_the_reference_tells_what_every_index_and_constraint_is_for():
    stated = re.findall(r"^\| `(\w+)` \|", section(TABLES, "What each index is for"), re.MULTILINE)
    tables = metadata.sorted_tables
    constraints = {constraint.name for table in tables for constraint in table.constraints}
    indexes = {index.name for table in tables for index in table.indexes}
    assert set(stated) == constraints | indexes


def test_the_reference_tells_of_every_parameter_of_a_url():
    honoured = set(code_in(section(URLS, "Parameters that are honoured")))
    one_value = {code.partition("=")[0] for code in code_in(section(URLS, "Parameters with one possible value"))}
    refused = set(code_in(section(URLS, "Parameters that are refused")))
    assert set(_url_parameters._HANDED_ON) <= honoured
    assert set(_url_parameters._ALREADY_TRUE) <= one_value
    assert set(_url_parameters._REFUSED) == refused


def rows(text):
    """Return the first two cells of a table's rows, without their backticks."""
    return [(name, cell.strip("`")) for name, cell in re.findall(r"^\| `(\w+)` \| ([^|]*?) ?\|", text, re.MULTILINE)]


def default_of(argument):
    return "" if argument.default is inspect.Parameter.empty else repr(argument.default)


@pytest.mark.parametrize("owner", WITH_SETTINGS, ids=lambda owner: owner.__name__)
def test_the_settings_are_those_of_the_constructors(owner):
    arguments = inspect.signature(owner).parameters.values()
    assert rows(section(SETTINGS, owner.__name__)) == [(each.name, default_of(each)) for each in arguments]


def test_the_settings_of_the_example_are_those_that_it_reads():
    defaults = {each.name: each.default for each in fields(Settings)}
    stated = section(SETTINGS, "The example application").partition("`make demo`")[0]
    assert rows(stated) == [(name, as_text(defaults[variable.setting])) for name, variable in VARIABLES.items()]


def as_text(default):
    """Return what an environment variable would say."""
    if default is None or default is MISSING:
        return ""
    return {True: "on", False: "off"}.get(default, str(default))


@pytest.mark.parametrize("page", PAGES, ids=path_of)
def test_a_command_that_a_page_shows_exists_with_its_options(page):
    commands = command_page.commands()
    shown = re.findall(r"(?:^|`|\$ |\| )chatkit-pgstore ([a-z]+)([^`|>\n]*)", page.read_text(), re.MULTILINE)
    assert {name for name, _ in shown} <= set(commands)
    given = [(name, option) for name, rest in shown for option in re.findall(r"--[a-z-]+", rest)]
    assert [pair for pair in given if pair[1] not in command_page.options_of(commands[pair[0]])] == []


def test_the_page_of_the_command_is_what_the_command_says():
    assert command_page.PAGE.read_text() == command_page.page(), "make golden writes it anew"


def functions_in(path):
    """Return the qualified names of the functions and classes in a file; none if there is no file."""
    source = (CHECKOUT / path).read_text() if (CHECKOUT / path).is_file() else ""
    body = ast.parse(source).body
    classes = [node for node in body if isinstance(node, ast.ClassDef)]
    methods = {f"::{owner.name}::{node.name}" for owner in classes for node in owner.body if is_function(node)}
    return methods | {f"::{node.name}" for node in [*classes, *filter(is_function, body)]}


def is_function(node):
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)


@pytest.mark.parametrize("page", PAGES, ids=path_of)
def test_the_tests_that_a_page_names_exist(page):
    text = page.read_text()
    assert [path + name for path, name in TEST.findall(text) if name not in functions_in(path)] == []
    assert [path for path in FILE_OF_TESTS.findall(text) if not (CHECKOUT / path).is_file()] == []


@pytest.mark.parametrize("page", sorted((DOCS / "decisions").glob("[0-9]*.md")), ids=path_of)
def test_a_decision_is_numbered_and_says_what_holds_it(page):
    assert headings(page)[0].startswith(f"{int(page.name[:4])}. ")
    assert FILE_OF_TESTS.search(page.read_text().partition("Held by")[2])


@pytest.mark.parametrize("heading", re.findall(r"^## (.+)$", GUARANTEES.read_text(), re.MULTILINE))
def test_every_guarantee_names_a_test(heading):
    assert TEST.search(section(GUARANTEES, heading))
