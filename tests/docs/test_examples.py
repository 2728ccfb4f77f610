"""Every documented example runs: in README.md, in docs/ and in docstrings."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, ExampleError, commands, run_page

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
NEEDS_DATA = "../shared/"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_examples_of_page_run_as_written(page: Path, tmp_path: Path) -> None:
    if NEEDS_DATA in page.read_text("utf-8") and not (ROOT.parent / "shared" / "data").is_dir():
        pytest.skip("its examples read ../shared/data, which is not here")
    directory = tmp_path / "equipoise"
    directory.mkdir()
    run_page(page, directory)


def test_examples_of_docstrings_run_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    complaints: list[str] = []
    for file in sorted((ROOT / "src").rglob("*.py")):
        if ">>> " not in file.read_text("utf-8"):
            continue
        name = ".".join(file.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(".__init__")
        module = importlib.import_module(name)
        runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
        for test in doctest.DocTestFinder(exclude_empty=True).find(module, name):
            runner.run(test, out=complaints.append)
    assert not complaints, "\n".join(complaints)


def page_with(text: str, tmp_path: Path) -> int:
    page = tmp_path / "page.md"
    page.write_text(text, "utf-8")
    directory = tmp_path / "equipoise"
    directory.mkdir()
    return run_page(page, directory)


@pytest.mark.parametrize(
    "text",
    [
        "```python\nx = 1\n```\n\n```python\nprint(x + 1)\n```\n\n```output\n2\n```\n",
        "```python\n>>> 1 + 1\n2\n```\n",
        "```console\n$ echo one two\none ...\n$ printf 'a\\nb\\nc\\n'\na\n...\nc\n```\n",
        "```console\n$ ls nowhere  # exit 2\n...nowhere...\n```\n",
        "```console\n$ echo a \\\n>   b\na b\n```\n",
        "```bash\n# nothing to see\necho a\n```\n",
        "```console\n$ cat > x <<'END'\n$ a\n# b\nEND\n$ tail -n 1 x\n# b\n```\n",
        "```bash\ncat > x <<'END'\n# a\n\nb\nEND\necho c\n```\n\n```console\n$ cat x\n# a\n\nb\n```\n",
        "```console\n$ git clone somewhere\n$ script/test\n```\n",
    ],
)
def test_page_that_says_the_truth_passes(text: str, tmp_path: Path) -> None:
    assert page_with(text, tmp_path) >= 1


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("```python\nprint(2)\n```\n\n```output\n3\n```\n", "but the output is\n2"),
        ("```output\n3\n```\n", "without a python block"),
        ("```python\n>>> 1 + 1\n3\n```\n", "Expected"),
        ("```console\n$ echo one\ntwo\n```\n", "but the output is\none"),
        ("```console\n$ ls nowhere\n```\n", "exits with 2, not 0"),
        ("```console\n$ echo fine  # exit 1\n```\n", "exits with 0, not 1"),
        ("```console\n$ script/nothing\n```\n", "there is no script/nothing"),
        ("```bash\ncat > x <<'END'\na\n```\n", "does not end with END"),
        ("```console\n$ curl somewhere\n```\n", "curl is not a command"),
        ("```console\necho without a prompt\n```\n", "starts with"),
    ],
)
def test_page_that_does_not_say_the_truth_fails(text: str, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(ExampleError, match=complaint):
        page_with(text, tmp_path)


def test_error_in_python_example_names_the_line_of_the_page(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        page_with("# Title\n\ntext\n\n```python\nx = 1\nx / 0\n```\n", tmp_path)
    assert caught.traceback[-1].lineno + 1 == 7
    assert str(caught.traceback[-1].path).endswith("page.md")


def test_commands_keep_order_output_and_exit_code() -> None:
    found = list(commands("$ a  # exit 3\nx\n\ny\n$ b\n"))
    assert [(c.line, c.expected, c.exit_code) for c in found] == [("a", "x\n\ny", 3), ("b", "", 0)]
