"""`bin/test --strict`: a green run means that every test ran."""

import subprocess
import sys

import pytest

from tests.packaging.checkout import ROOT

LEFT_OUT = {
    "marked": "import pytest\n@pytest.mark.skip(reason='no browser')\ndef test_it(): pass\n",
    "at run time": "import pytest\ndef test_it(): pytest.skip('no browser')\n",
    "by a fixture": """
import pytest
@pytest.fixture
def browser(): pytest.skip('no browser')
def test_it(browser): pass
""",
    "as a module": "import pytest\npytest.skip('no browser', allow_module_level=True)\n",
}


def run_pytest(tmp_path, code, *, strict):
    file = tmp_path / "test_sample.py"
    file.write_text(code)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.strict", "-c", "/dev/null", "-ra", file],
        cwd=ROOT,
        env={"HOMECHAT_TEST_STRICT": "1" if strict else "0", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("code", LEFT_OUT.values(), ids=LEFT_OUT)
def test_a_test_that_is_left_out_fails_a_strict_run_and_says_why(tmp_path, code):
    strict = run_pytest(tmp_path, code, strict=True)
    assert strict.returncode != 0
    assert "Left out in a strict run" in strict.stdout
    assert "no browser" in strict.stdout

    relaxed = run_pytest(tmp_path, code, strict=False)
    assert "1 skipped" in relaxed.stdout


def test_an_expected_failure_is_not_a_test_left_out(tmp_path):
    code = "import pytest\n@pytest.mark.xfail(reason='known')\ndef test_it(): assert False\n"

    assert run_pytest(tmp_path, code, strict=True).returncode == 0
