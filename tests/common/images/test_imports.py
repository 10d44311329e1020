"""Imports of common.images."""

import subprocess
import sys


def test_reading_images_imports_no_torch(project):
    modules = sorted(f"common.images.{path.stem}" for path in (project / "common/images").glob("[a-z]*.py"))
    code = f"import sys, {', '.join(modules)}; print([name for name in ('torch', 'monai') if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], cwd=project, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
