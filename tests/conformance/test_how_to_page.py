"""The tests on the page about testing are tests, and pass."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "test-your-server.md"
SNIPPETS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda snippet: re.search(r"class (\w+)", snippet)[1])
def test_the_tests_on_the_page_pass(snippet, tmp_path):
    (tmp_path / "test_snippet.py").write_text(snippet)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert re.search(r"=+ \d+ passed(, \d+ skipped)?", done.stdout), done.stdout
    assert done.returncode == 0
