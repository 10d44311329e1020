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
# Packages are installed by uv, which comes into the environment first, with the indexes and certificates that pip is
# configured with; by pip where uv cannot be had. What they say is in install.log of the environment.
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

find_installer() { # sets $installer: uv, in seconds where pip takes minutes, or pip
    local options=()
    if "$python" -m pip install --disable-pip-version-check --quiet -c "$constraints" uv >>"$venv/install.log" 2>&1; then
        eval "$(uv_settings)"
        # like pip, uv then takes the best version of all indexes
        installer=(uv pip install --python "$python" --index-strategy unsafe-best-match ${options[@]+"${options[@]}"})
    else
        echo "    uv cannot be had from pip's index: installing with pip, which takes longer"
        installer=(pip install --disable-pip-version-check)
    fi
}

run_installer() { # all that it says goes to a file; the larger downloads, errors and counts to the terminal
    PYTHONUNBUFFERED=1 "$python" -m "${installer[@]}" -c "$constraints" "$@" 2>&1 | tee -a "$venv/install.log" |
        awk '/(Downloading|Using cached) .* MB\)/ { print "    " $(NF-2), $(NF-1), $NF }
             /^ *Building wheel for .*started/ { print "    building " $4 }
             /^Installing collected/ { print "    installing " NF - 3 " packages" }
             /^ *(Downloading|Building) [^ ]+( \([0-9.]+MiB\))?$/ || /^(Resolved|Prepared|Installed) / { sub(/^ */, ""); print "    " $0 }
             /ERROR|error:/ { print }
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
        run_installer numpy setuptools wheel # pyradiomics 3.0.1 needs them to build and does not say so
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
