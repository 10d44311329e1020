"""Files that grow beyond a limit, as on a full disk, are one line; no part of them is left and the process lives."""

from __future__ import annotations

import pytest

from tests.python_commands import run_python

START = """
import resource, sys
from pathlib import Path
from common.errors import brief_input_errors
brief_input_errors()
path = Path(sys.argv[1])
"""
LIMIT = "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
PROGRAMS = {
    "model.ts": """
import torch
from common.deploy.packaging.reproducible import save_script
{limit}save_script(torch.nn.Linear(64, 64), path, {{}})
""",
    "exported.ts": """
import torch
from common import save_exported
network = torch.jit.script(torch.nn.Linear(64, 64))
{limit}save_exported(network, path, include_config_vals=False)
""",
    "model.pt2": """
import torch
from common.deploy.packaging.formats import write_formats
{limit}write_formats(torch.nn.Linear(64, 64), torch.ones(2, 64), path.parent, formats=["model.pt2"])
""",
    "mask.nii.gz": """
import numpy as np
import SimpleITK as sitk
from common.images.volume_files import write_itk_nifti
voxels = np.random.default_rng(0).integers(0, 255, (20, 40, 40)).astype(np.uint8)
{limit}write_itk_nifti(path, sitk.GetImageFromArray(voxels))
""",
    "maps.npy": """
import numpy as np
from common.files import replacing
with replacing(path) as temporary:
    {limit}    np.save(temporary, np.ones((64, 64)))
""",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_file_that_cannot_grow_is_one_line_without_a_part_of_it(name, tmp_path, project, pytestconfig):
    if pytestconfig.pluginmanager.hasplugin("_cov"):
        pytest.skip("the data of --cov cannot be written under the limit either")
    done = run_python(["-c", START + PROGRAMS[name].format(limit=LIMIT), str(tmp_path / "out" / name)], project)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr and done.stderr.splitlines()[-1].startswith("error: ")
    assert "start the same command again" in done.stderr.splitlines()[-1]
    assert not [path for path in (tmp_path / "out").rglob("*") if path.stat().st_size and path.name != "model.pt2"]


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_same_program_writes_the_whole_file_without_the_limit(name, tmp_path, project):
    program = PROGRAMS[name].format(limit="")
    done = run_python(["-c", START + program, str(tmp_path / "out" / name)], project)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / name).stat().st_size > 4096
