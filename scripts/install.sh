#!/usr/bin/env bash
# Make or complete the virtual environment, with the versions that constraints.txt pins.
#
# usage: bash scripts/install.sh [radiomics] [dask] [dicom] [parquet] [deploy] [imagenet] [mlflow] [docs] [test]     the extras of setup.cfg
#
#   PYTHON=...       interpreter for a new environment; default: the first of python3.11, 3.12, 3.13 and python3 that fits
#   VENV=...         folder of the environment; default: .venv beside setup.cfg
#   TORCH_INDEX=...  package index to take torch from, such as https://download.pytorch.org/whl/cu130
#   CONSTRAINTS=...  other pins than constraints.txt; /dev/null takes the newest of everything
#
# quickstart.sh and test.sh source this file; it leaves them $root, the project, and $python, the environment's.
set -euo pipefail

cpu_index=https://download.pytorch.org/whl/cpu
root=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
venv=${VENV:-$root/.venv}
[[ $venv = /* ]] || venv=$PWD/$venv
constraints=${CONSTRAINTS:-$root/constraints.txt}
python=$venv/bin/python

stop() {
    echo "error: $*" >&2
    exit 1
}

usage() { # the comment at the top of a script
    awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$1"
}

find_python() {
    local candidate found=none
    for candidate in ${PYTHON:-python3.11 python3.12 python3.13 python3}; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
        found=$("$candidate" --version 2>/dev/null) || true
    done
    stop "found ${PYTHON:-python3} = ${found:-none}, expected Python 3.11 or later: install it, or set PYTHON=/path/to/python3.11"
}

make_environment() {
    local base
    base=$(find_python)
    "$base" -c 'import ensurepip, venv' 2>/dev/null ||
        stop "$base has no venv module: install it (Debian, Ubuntu: sudo apt install python3-venv), or set PYTHON to another"
    echo "    $("$base" --version) -> $venv"
    "$base" -m venv "$venv"
}

check_compiler() { # PyRadiomics is compiled here
    local headers
    command -v "${CC:-cc}" >/dev/null || command -v gcc >/dev/null || command -v clang >/dev/null ||
        stop "found no C compiler, which PyRadiomics needs: install one (Debian, Ubuntu: sudo apt install build-essential)"
    headers=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
    [ -f "$headers/Python.h" ] ||
        stop "found no $headers/Python.h, which PyRadiomics needs: install it (Debian, Ubuntu: sudo apt install python3-dev)"
}

torch_index() { # PyPI's torch for Linux brings gigabytes of CUDA; without a GPU its CPU build does
    if [ -n "${TORCH_INDEX:-}" ]; then
        echo "$TORCH_INDEX"
    elif [ "$(uname)" = Linux ] && ! command -v nvidia-smi >/dev/null && reachable "$cpu_index/torch/"; then
        echo "$cpu_index"
    fi
}

reachable() {
    "$python" -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=10)' "$1" 2>/dev/null
}

pip_install() { # all of pip's words go to a file, the larger downloads and errors to the terminal
    local log=$venv/install.log
    PYTHONUNBUFFERED=1 "$python" -m pip install --disable-pip-version-check -c "$constraints" "$@" 2>&1 | tee -a "$log" |
        awk '/(Downloading|Using cached) .* MB\)/ { print "    " $(NF-2), $(NF-1), $NF }
             /^ *Building wheel for .*started/ { print "    building " $4 }
             /^Installing collected/ { print "    installing " NF - 3 " packages" }
             /ERROR|error:/ { print }
             { fflush() }' || stop "installation failed; all that pip said is in $log"
}

install() { # extras, separated by commas
    local index options=()
    : >"$venv/install.log"
    index=$(torch_index)
    pip_install torch ${index:+--extra-index-url "$index"}
    if "$python" -c 'import sys; sys.exit(sys.version_info >= (3, 12))'; then
        pip_install numpy setuptools wheel # pyradiomics 3.0.1 needs them to build and does not say so
        options=(--no-build-isolation)
    fi
    pip_install ${options[@]+"${options[@]}"} --editable "$root${1:+[$1]}"
}

main() {
    local extra state missing=""
    for extra; do
        case $extra in
            -h | --help) usage "${BASH_SOURCE[0]}" && exit ;;
            radiomics | dask | dicom | parquet | deploy | imagenet | mlflow | docs | test) ;;
            *) stop "found $extra, expected radiomics, dask, dicom, parquet, deploy, imagenet, mlflow, docs or test" ;;
        esac
    done
    "$python" -m pip --version >/dev/null 2>&1 || make_environment
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        stop "found $("$python" --version) in $venv, expected Python 3.11 or later: delete that folder, or set VENV to another"
    # What was installed, and by which pins: nothing to do when it is what is asked for.
    state=$({ echo "$root" && cat "$root/setup.cfg" "$constraints"; } | cksum | cut -d " " -f 1)
    for extra in base "$@"; do
        grep -qsx "$state $extra" "$venv/installed" || missing=yes
    done
    if [ -z "$missing" ]; then
        echo "    $venv is complete"
        return
    fi
    [[ " $* " != *" radiomics "* ]] || check_compiler
    install "$(IFS=, && echo "$*")"
    printf "$state %s\n" base "$@" >>"$venv/installed"
}

main "$@"
