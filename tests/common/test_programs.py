from __future__ import annotations

import ast
import re
from pathlib import Path

from common import programs

COMMON = Path(programs.__file__).parent
# Text of files that every installation reads or writes alike.
SAME_EVERYWHERE = {"deploy/packaging/model_card.py", "deploy/verification/manifest.py", "deploy/prediction/speed.py"}


def test_a_command_is_a_script_in_a_checkout_and_the_console_command_elsewhere(monkeypatch, tmp_path):
    assert programs.command_of("study") == "python scripts/study.py"
    assert programs.install_command() == "bash scripts/install.sh"
    assert programs.install_command("deploy") == "bash scripts/install.sh deploy"
    monkeypatch.setattr(programs, "SCRIPTS", tmp_path / "scripts")
    assert programs.command_of("study") == "clinical-ssl study"
    assert programs.install_command() == "pip install clinical-ssl-bundles"
    assert programs.install_command("deploy") == "pip install 'clinical-ssl-bundles[deploy]'"
    assert "--no-build-isolation 'clinical-ssl-bundles[radiomics]'" in programs.install_command("radiomics")


def test_no_message_names_a_file_of_scripts_which_an_installation_lacks():
    def messages(path):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        docstrings = {ast.get_docstring(node, clean=False) for node in ast.walk(tree) if isinstance(node, documented)}
        texts = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
        return [text for text in texts if isinstance(text, str) and text not in docstrings]

    named = {
        path.relative_to(COMMON).as_posix()
        for path in COMMON.rglob("*.py")
        if path.name != "programs.py" and any(re.search(r"\bscripts/\w+\.(py|sh)", text) for text in messages(path))
    }
    assert named == SAME_EVERYWHERE
