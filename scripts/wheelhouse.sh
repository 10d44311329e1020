#!/usr/bin/env bash
# Collect the packages for an inference archive, in the versions of constraints.txt, for a machine without a network.
#
# usage: bash scripts/wheelhouse.sh OUTPUT [package...]     default: packages of an inference archive
#
# OUTPUT contains wheels/, requirements.txt with the version and SHA-256 of each wheel, install.sh, which installs them
# without an index, and README.txt. The wheels are for machines with the same operating system and Python version.
# PYTHON, VENV, TORCH_INDEX and CONSTRAINTS are those of install.sh: without a GPU on this machine, torch is a CPU build.
set -euo pipefail

here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
# MONAI, its command line, readers of NIfTI, DICOM and PNG, writer of tables; runtimes of the ONNX and safetensors formats
packages=(monai torch pytorch-ignite fire PyYAML nibabel itk-io pydicom pillow pandas onnxruntime safetensors)

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
    environment/bin/python -m monai.bundle run evaluating --config_file ARCHIVE/configs/inference.json \\
        --bundle_root ARCHIVE --dataset_dir DATA

pip compares every wheel with its SHA-256 in requirements.txt and stops if one differs.
END
}

output=${1:-}
case $output in
    -h | --help) awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$here/wheelhouse.sh" && exit ;;
    "") echo "error: found no argument, expected the folder to make" >&2 && exit 1 ;;
esac
[ ! -e "$output" ] || { echo "error: $output exists already: choose another folder, or delete it" >&2 && exit 1; }
[ $# = 1 ] || packages=("${@:2}")

prepare
unfinished=$output.unfinished
rm -rf "$unfinished"
mkdir -p "$unfinished/wheels"
index=$(torch_index)
echo "    collecting ${packages[*]} and their dependencies"
"$python" -m pip wheel --disable-pip-version-check --quiet -c "$constraints" --wheel-dir "$unfinished/wheels" \
    ${index:+--extra-index-url "$index"} "${packages[@]}" || stop "pip could not collect them; see its output above"
requirements "$unfinished/wheels" >"$unfinished/requirements.txt"
installer >"$unfinished/install.sh"
readme >"$unfinished/README.txt"
mv "$unfinished" "$output"
echo "    $(wc -l <"$output/requirements.txt") wheels, $(du -sh "$output" | cut -f 1): copy $output to the machine, and see its README.txt"
