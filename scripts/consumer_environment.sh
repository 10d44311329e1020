#!/usr/bin/env bash
# Create an environment with a program that uses our archives, the MONAI Label server or the MONAI Deploy App SDK. Each
# takes about a minute and 200 MB; see docs/monai_label.md and docs/monai_deploy.md for its use. Or create one with the
# packages that the metadata of an archive declare and nothing else, as whoever receives it has (docs/packaging.md).
#
# usage: bash scripts/consumer_environment.sh monai-label|monai-deploy [FOLDER]
#        bash scripts/consumer_environment.sh declared FOLDER ARCHIVE.zip...
#
# FOLDER is by default one of that name in the environment of the project (scripts/install.sh). The new environment is
# separate, as MONAI Label needs an older pydicom than the project, but uses torch, MONAI and the image readers of the
# project. The versions were tested together.
#
#   VENV=...         environment of the project; default: .venv beside setup.cfg
#   PYTHON=...       declared: interpreter of the environment; default: that of the project
#   TORCH_INDEX=...  declared: package index for torch, such as https://download.pytorch.org/whl/cpu
set -euo pipefail

root=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
base=${VENV:-$root/.venv}

stop() {
    echo "error: $*" >&2
    exit 1
}

install_packages() { # into the new environment
    "$base/bin/python" -m pip --python "$folder/bin/python" install --quiet --disable-pip-version-check --retries 1 \
        --no-compile "$@"
}

see_base() { # from now on, packages of the project count as installed
    "$base/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])' >"$packages/base.pth"
}

monai_label() {
    # Packages that the project does not have. Without their dependencies: some are for other apps (SAM 2), some do not
    # build everywhere.
    install_packages --no-deps monailabel==0.8.5 \
        bcrypt==5.0.0 dcmqi==1.5.7 dicomweb-client==0.59.1 diskcache==5.6.3 einops==0.8.2 expiring-dict==1.1.2 expiringdict==1.2.2 \
        gdown==6.5.1 girder-client==5.0.21 httpcore==1.0.9 httpx==0.28.1 imageio==2.38.1 lazy-loader==0.6 lmdb==3.0.0 \
        numpymaxflow==0.0.7 openslide-python==1.4.7 passlib==1.7.4 pydantic-settings==2.16.3 pydicom==2.4.4 \
        pydicom-seg==0.4.1 PyJWT==2.15.1 pynetdicom==2.1.1 pynrrd==1.1.3 python-multipart==0.0.34 \
        requests-toolbelt==1.0.0 retrying==1.4.2 schedule==1.2.2 scikit-image==0.26.0 shapely==2.2.0 tifffile==2026.3.3 \
        timeloop==1.0.2 torchvision==0.28.0 watchdog==7.1.0
    see_base
    # Its web server, unless the extra mlflow of the project has installed it.
    install_packages --constraint "$root/constraints.txt" \
        cachetools fastapi filelock google-auth pydantic python-dotenv requests uvicorn
    # The compiled part of torchvision does not load with every torch; its Python part only needs these operators.
    cat >"$packages/torchvision_operators.py" <<'PY'
import torch

_library = torch.library.Library("torchvision", "DEF")
for _name in ("nms", "qnms"):
    _library.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
PY
    echo "import torchvision_operators" >"$packages/torchvision_operators.pth"
    "$folder/bin/python" -W ignore -c "import monailabel.app" >/dev/null
}

monai_deploy() {
    # The SDK is a part of the package monai, so this environment has its own MONAI. Without CuPy, which needs a GPU.
    install_packages --no-deps monai-deploy-app-sdk==4.0.0 \
        brotli==1.2.1 colorama==0.4.6 gevent==26.9.0 geventhttpclient==2.6.1 greenlet==3.5.6 holoscan-cli==5.0.0 \
        holoscan-cu13==4.6.0 monai==1.6.1 python-rapidjson==1.25 tritonclient==2.73.0 typeguard==4.6.0 \
        wheel-axle-runtime==0.0.13 zope.event==6.2 zope.interface==8.7
    see_base
    install_packages --constraint "$root/constraints.txt" cloudpickle
    "$folder/bin/python" -c pass # Holoscan completes its installation when Python starts for the first time
    "$folder/bin/python" -W ignore -c "import monai.deploy.core" >/dev/null
}

declared() { # what the metadata of the archives name, in any Python; packages that are there already stay
    local pins
    mapfile -t pins < <("$base/bin/python" - "$@" <<'PY'
import json, sys, zipfile

for path in sys.argv[1:]:
    with zipfile.ZipFile(path) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith("/configs/metadata.json")]
        metadata = json.loads(archive.read(name))
    own = {"monai": "monai_version", "torch": "pytorch_version", "numpy": "numpy_version"}
    pins = {name: metadata[key] for name, key in own.items()} | metadata["required_packages_version"]
    print(*(f"{name}=={version}" for name, version in pins.items()), sep="\n")
PY
    )
    [ ${#pins[@]} -gt 0 ] || stop "found no metadata in $*, expected archives of scripts/package.py"
    [ -x "$folder/bin/python" ] || "${PYTHON:-$base/bin/python}" -m venv --without-pip "$folder"
    install_packages --only-binary :all: ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} "${pins[@]}"
    echo "$folder/bin/python"
}

case ${1:-} in
    monai-label | monai-deploy) ;;
    declared)
        [ $# -ge 3 ] || stop "found $(($# - 1)) arguments of declared, expected the folder to make and archives"
        folder=$2
        declared "${@:3}"
        exit
        ;;
    *) stop "found ${1:-nothing}, expected monai-label, monai-deploy or declared" ;;
esac
folder=${2:-$base/$1}
if [ -f "$folder/ready" ]; then
    echo "$folder/bin/python"
    exit
fi
"$base/bin/python" -c 'import monai' 2>/dev/null ||
    stop "found no MONAI in $base, expected the environment of the project: run scripts/install.sh first, or set VENV"
"$base/bin/python" -m venv --clear --without-pip "$folder"
packages=$("$folder/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
"${1/-/_}"
touch "$folder/ready"
echo "$folder/bin/python"
