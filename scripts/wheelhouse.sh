#!/usr/bin/env bash
# Collect packages in the versions of constraints.txt, for a machine without a network.
#
# usage: bash scripts/wheelhouse.sh OUTPUT [--for inference | --for predict | package...]
#
#   --for inference   what MONAI needs to run an inference archive; the default
#   --for predict     this project with predict.py, segment.py, verify.py and serve.py, and all that they need
#
# OUTPUT contains wheels/, requirements.txt with the version and SHA-256 of each wheel, install.sh, which installs them
# without an index, and README.txt. The wheels are for machines with the same operating system and Python version.
# PYTHON, VENV, TORCH_INDEX and CONSTRAINTS are those of install.sh: without a GPU on this machine, torch is a CPU build.
set -euo pipefail

here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
# MONAI, its command line, readers of NIfTI, DICOM and PNG; runtimes of the ONNX and safetensors formats
packages=(monai torch pytorch-ignite fire PyYAML nibabel itk-io pydicom pillow onnxruntime safetensors)

project=("predict.py" "segment.py" "verify.py" "serve.py")

prepare() { # in a function, as source would pass the arguments of this script
    source "$here/install.sh"
}

requirements() { # name==version and hash of each wheel, from its file name and content
    local wheel name version rest
    for wheel in "$1"/*.whl; do
        IFS=- read -r name version rest <<<"$(basename "$wheel")"
        echo "$name==$version --hash=sha256:$(sha256sum "$wheel" | cut -d " " -f 1)"
    done
}

installer() {
    cat <<'END'
#!/usr/bin/env bash
# Install the packages of wheels/ into a new virtual environment, without a network.
#
# usage: bash install.sh FOLDER
#
#   PYTHON=...   interpreter; default: python3
set -euo pipefail

here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
[ $# = 1 ] || { echo "error: found $# arguments, expected the folder of the new environment" >&2 && exit 1; }
[ -x "$1/bin/python" ] || "${PYTHON:-python3}" -m venv "$1"
"$1/bin/python" -m pip install --disable-pip-version-check --no-index --find-links "$here/wheels" \
    --require-hashes -r "$here/requirements.txt"
END
}

readme() {
    cat <<END
Packages for the inference archives of clinical-ssl-bundles: research only, not for clinical use.

For $("$python" -c 'import platform as p; print(f"Python {p.python_version()} on {p.platform()}")') and compatible systems.
On a machine without network:

    PYTHON=python$("$python" -c 'import sys; print("{}.{}".format(*sys.version_info))') bash install.sh environment
$1

pip compares every wheel with its SHA-256 in requirements.txt and stops if one differs.
END
}

inference='    environment/bin/python -m monai.bundle run evaluating --config_file ARCHIVE/configs/inference.json \
        --bundle_root ARCHIVE --dataset_dir DATA'
predict='    environment/bin/python verify.py ARCHIVE.zip --scan
    environment/bin/python predict.py ARCHIVE.zip STUDIES --output RESULTS
    environment/bin/python segment.py SEGMENTER.zip STUDIES --output RESULTS
    environment/bin/python serve.py ARCHIVE.zip FOLDER --settings service.yaml

hospital.md is the manual; deploy/ has settings of the service, units of systemd and a Containerfile.'

output=${1:-}
case $output in
    -h | --help) awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$here/wheelhouse.sh" && exit ;;
    "") echo "error: found no argument, expected the folder to make" >&2 && exit 1 ;;
esac
[ ! -e "$output" ] || { echo "error: $output exists already: choose another folder, or delete it" >&2 && exit 1; }
goal=inference
if [ "${2:-}" = --for ]; then
    goal=${3:-}
    case $goal in
        inference | predict) ;;
        *) echo "error: found --for $goal, expected inference or predict" >&2 && exit 1 ;;
    esac
    [ $# = 3 ] || { echo "error: found packages after --for $goal, expected none" >&2 && exit 1; }
elif [ $# != 1 ]; then
    packages=("${@:2}")
fi

prepare
[ $goal = inference ] || packages=("$root[predict,service]")
unfinished=$output.unfinished
rm -rf "$unfinished"
mkdir -p "$unfinished/wheels"
index=$(torch_index)
echo "    collecting ${packages[*]} and their dependencies"
"$python" -m pip wheel --disable-pip-version-check --quiet -c "$constraints" --wheel-dir "$unfinished/wheels" \
    ${index:+--extra-index-url "$index"} "${packages[@]}" || stop "pip could not collect them; see its output above"
requirements "$unfinished/wheels" >"$unfinished/requirements.txt"
installer >"$unfinished/install.sh"
if [ $goal = predict ]; then
    for script in "${project[@]}"; do cp "$here/$script" "$unfinished/"; done
    cp -r "$root/deploy" "$root/docs/hospital.md" "$unfinished/"
    readme "$predict" >"$unfinished/README.txt"
else
    readme "$inference" >"$unfinished/README.txt"
fi
mv "$unfinished" "$output"
echo "    $(wc -l <"$output/requirements.txt") wheels, $(du -sh "$output" | cut -f 1): copy $output to the machine, and see its README.txt"
