#!/usr/bin/env bash
# Build the documentation as one site: the pages of the repository and the API reference. Every warning, such as a link
# to a page or heading that does not exist, is an error.
#
# usage: bash scripts/docs.sh [folder]     default: build/site; open its docs/index.html
#
# PYTHON, VENV and TORCH_INDEX are those of install.sh. Once the environment is complete, no network is needed.
set -euo pipefail

here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
case ${1:-} in
    -h | --help) awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$here/docs.sh" && exit ;;
    -*) echo "error: found $1, expected a folder; see: bash scripts/docs.sh --help" >&2 && exit 2 ;;
esac
site=$(realpath -m "${1:-$here/../build/site}")
source "$here/install.sh" radiomics docs

cd "$root"
"$python" -m sphinx --quiet --fail-on-warning --keep-going -c docs -b html . "$site"
echo "site: $site/docs/index.html"
