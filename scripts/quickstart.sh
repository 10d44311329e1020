#!/usr/bin/env bash
# From nothing to results: environment, a cohort of phantoms, siam3d_imbalance from pre-training to evaluation.
#
# usage: bash scripts/quickstart.sh
#
# It takes about three minutes on two cores. All output is in quickstart/ and .venv; another run only completes what is
# missing. PYTHON, VENV and TORCH_INDEX are those of install.sh.
set -euo pipefail

here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
case ${1:-} in
    -h | --help) awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$here/quickstart.sh" && exit ;;
    ?*) echo "error: found $1, expected no argument" >&2 && exit 1 ;;
esac

say() {
    printf "\n[%s] %s (%d:%02d)\n" "$1" "$2" $((SECONDS / 60)) $((SECONDS % 60))
}

say 1/3 "Environment"
source "$here/install.sh" radiomics

say 2/3 "Phantoms: brain MR of low and high grade gliomas"
"$python" "$here/make_phantom.py" brain --output "$root/quickstart/phantoms" --num_subjects 40

say 3/3 "siam3d_imbalance: pre-training with SE, features and linear probe, five folds"
"$python" "$here/cross_validate.py" siam3d_imbalance \
    --dataset_dir "$root/quickstart/phantoms" --output_dir "$root/quickstart/results" --methods se \
    --max_epochs 2 --batch_size 6 --candidates_per_cluster 10 --box_size "[54,54,54]" --image_size "[27,27,27]"

say done "Results in $root/quickstart/results/report: report.md, metrics.csv, predictions.csv, figures/"
