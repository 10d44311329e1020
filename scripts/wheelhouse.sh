#!/usr/bin/env bash
# Collect the packages that an inference archive needs, in the versions of constraints.txt, for a machine without network.
#
# usage: bash scripts/wheelhouse.sh OUTPUT [package...]     default: those below
#
# OUTPUT gets wheels/, requirements.txt with the version and SHA-256 of each, install.sh that installs them with the index
# switched off, and README.txt. The wheels fit machines with this one's system and version of Python.
# PYTHON, VENV, TORCH_INDEX and CONSTRAINTS are those of install.sh: without a GPU here, torch is its build for CPUs.
set -euo pipefail

here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
# MONAI, its command line, what reads NIfTI, DICOM and PNG, what writes tables; ONNX and safetensors as other forms
packages=(monai torch pytorch-ignite fire PyYAML nibabel itk-io pydicom pillow pandas onnxruntime safetensors)

prepare() { # in a function, as source would hand on this script's own arguments
    source "$here/install.sh"
}

requirements() { # name==version and hash of each wheel, which its file name and content tell
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

For $("$python" -c 'import platform as p; print(f"Python {p.python_version()} on {p.platform()}")') and what is compatible.
On a machine without network:

    PYTHON=python$("$python" -c 'import sys; print("{}.{}".format(*sys.version_info))') bash install.sh environment
    environment/bin/python -m monai.bundle run evaluating --config_file ARCHIVE/configs/inference.json \\
        --bundle_root ARCHIVE --dataset_dir DATA

pip compares every wheel with its SHA-256 in requirements.txt and stops where one differs.
END
}

output=${1:-}
case $output in
    -h | --help) awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$here/wheelhouse.sh" && exit ;;
    "") echo "error: found no argument, expected the folder to make" >&2 && exit 1 ;;
esac
[ ! -e "$output" ] || { echo "error: $output is there already: name another folder, or delete it" >&2 && exit 1; }
[ $# = 1 ] || packages=("${@:2}")

prepare
unfinished=$output.unfinished
rm -rf "$unfinished"
mkdir -p "$unfinished/wheels"
index=$(torch_index)
echo "    collecting ${packages[*]} and what they need"
"$python" -m pip wheel --disable-pip-version-check --quiet -c "$constraints" --wheel-dir "$unfinished/wheels" \
    ${index:+--extra-index-url "$index"} "${packages[@]}" || stop "pip could not collect them; its words are above"
requirements "$unfinished/wheels" >"$unfinished/requirements.txt"
installer >"$unfinished/install.sh"
readme >"$unfinished/README.txt"
mv "$unfinished" "$output"
echo "    $(wc -l <"$output/requirements.txt") wheels, $(du -sh "$output" | cut -f 1): carry $output to the machine, and read its README.txt"
