#!/usr/bin/env bash
# Create or complete the virtual environment, with the versions pinned in constraints.txt.
#
# usage: bash scripts/install.sh [radiomics] [dask] [dicom] [parquet] [deploy] [predict] [service] [deidentify] [imagenet] [mlflow] [docs] [tutorials] [test]     the extras of setup.cfg
#
#   PYTHON=...       interpreter for a new environment; default: the first suitable one of python3.11, 3.12, 3.13 and python3
#   VENV=...         folder of the environment; default: .venv beside setup.cfg
#   TORCH_INDEX=...  package index for torch, such as https://download.pytorch.org/whl/cu130
#   CONSTRAINTS=...  pins to use instead of constraints.txt; /dev/null for the newest versions
#
# Packages are installed by uv, which is installed into the environment first, with the indexes and certificates of the
# pip configuration; or by pip if uv is not available. Their output is in install.log in the environment.
#
# quickstart.sh and test.sh source this file, which sets $root, the project, and $python, that of the environment.
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

torch_index() { # the CPU build without a GPU, as torch for Linux on PyPI includes gigabytes of CUDA
    if [ -n "${TORCH_INDEX:-}" ]; then
        echo "$TORCH_INDEX"
    elif [ "$(uname)" = Linux ] && ! command -v nvidia-smi >/dev/null && reachable "$cpu_index/torch/"; then
        echo "$cpu_index"
    fi
}

reachable() {
    "$python" -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=10)' "$1" 2>/dev/null
}

uv_settings() { # pip's settings as options of uv and, for its certificate, a variable; shell code to evaluate
    "$python" -m pip config list 2>/dev/null | "$python" -c '
import ast, os, shlex, sys

names = {"index-url": "--default-index", "extra-index-url": "--index", "find-links": "--find-links"}
names |= {"constraint": "--constraint", "trusted-host": "--allow-insecure-host"}
lines = [line.strip().partition("=") for line in sys.stdin]
settings = {}  # a variable goes before the section install of a file, and that before the section global
for section in ("global", "install", ":env:"):
    settings |= {key.rpartition(".")[2]: ast.literal_eval(text) for key, _, text in lines if key.startswith(section)}
options = [word for name in names for value in settings.get(name, "").split() for word in (names[name], value)]
if settings.get("no-index", "").lower() in ("1", "true", "yes", "on"):
    options.append("--no-index")
print(f"options=({shlex.join(options)})")
if "cert" in settings and "SSL_CERT_FILE" not in os.environ:
    print("export SSL_CERT_FILE=" + shlex.quote(settings["cert"]))
'
}

find_installer() { # sets $installer: uv, which takes seconds instead of minutes, or pip
    local options=()
    if "$python" -m pip install --disable-pip-version-check --quiet -c "$constraints" uv >>"$venv/install.log" 2>&1; then
        eval "$(uv_settings)"
        # like pip, with the best version of all indexes, and with bytecode: otherwise the first import of torch is slow
        installer=(uv pip install --compile-bytecode --python "$python" --index-strategy unsafe-best-match)
        installer+=(${options[@]+"${options[@]}"})
    else
        echo "    uv is not available from the index of pip: installing with pip, which takes longer"
        installer=(pip install --disable-pip-version-check)
    fi
}

run_installer() { # its output is written to a file; larger downloads, errors and counts also to the terminal
    PYTHONUNBUFFERED=1 "$python" -m "${installer[@]}" -c "$constraints" "$@" 2>&1 | tee -a "$venv/install.log" |
        awk '/(Downloading|Using cached) .* MB\)/ { print "    " $(NF-2), $(NF-1), $NF }
             /^ *Building wheel for .*started/ { print "    building " $4 }
             /^Installing collected/ { print "    installing " NF - 3 " packages" }
             /^ *(Downloading|Building) [^ ]+( \([0-9.]+MiB\))?$/ || /^(Resolved|Prepared|Installed|Bytecode) / { sub(/^ */, ""); print "    " $0 }
             /ERROR|error:/ { failed = 1 }
             failed { print }
             { fflush() }' || stop "installation failed; the installer's output is in $venv/install.log"
}

show_progress() { # at least every 15 seconds
    while sleep 15 >/dev/null 2>&1; do
        echo "    $SECONDS s, $(du -sm "$venv" 2>/dev/null | cut -f 1) MB in $venv"
    done
}

install() { # extras, separated by commas
    local index installer=() isolation=() progress
    : >"$venv/install.log"
    show_progress &
    progress=$!
    trap 'kill "$progress" 2>/dev/null || true' EXIT
    find_installer
    index=$(torch_index)
    run_installer torch ${index:+--extra-index-url "$index"}
    if "$python" -c 'import sys; sys.exit(sys.version_info >= (3, 12))'; then
        run_installer numpy setuptools wheel # pyradiomics 3.0.1 needs them to build, but does not declare them
        isolation=(--no-build-isolation)
        [ "${installer[0]}" = pip ] || isolation=(--no-build-isolation-package pyradiomics)
    fi
    run_installer ${isolation[@]+"${isolation[@]}"} --editable "$root${1:+[$1]}"
    kill "$progress" 2>/dev/null || true
    trap - EXIT
}

main() {
    local extra state missing=""
    for extra; do
        case $extra in
            -h | --help) usage "${BASH_SOURCE[0]}" && exit ;;
            radiomics | dask | dicom | parquet | deploy | predict | service | deidentify | imagenet | mlflow | docs | tutorials | test) ;;
            *) stop "found $extra, expected radiomics, dask, dicom, parquet, deploy, predict, service, deidentify, imagenet, mlflow, docs, tutorials or test" ;;
        esac
    done
    "$python" -m pip --version >/dev/null 2>&1 || make_environment
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        stop "found $("$python" --version) in $venv, expected Python 3.11 or later: delete that folder, or set VENV to another"
    # Installed extras with their pins: if they are the requested ones, there is nothing to do.
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
