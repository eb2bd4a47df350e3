"""What the README prints must run."""

import re
import runpy
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_the_examples_run_one_after_another(tmp_path, capsys):
    readme = (ROOT / "README.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    script = tmp_path / "example.py"
    script.write_text("\n".join(blocks))
    found = runpy.run_path(str(script))
    assert found["excess"].sizes["ablation"] == 32 * 31 // 2
    assert len(found["sites"]) == 16
    assert "of 496\nfx" in capsys.readouterr().out


def test_every_command_it_names_exists():
    readme = (ROOT / "README.md").read_text()
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"make (\w+)", readme)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for path in re.findall(r"\]\((?!http)([^)#]+)\)", readme):
        assert (ROOT / path).exists(), path
