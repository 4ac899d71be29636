#!/bin/sh
# Checks the models of models/ and their mutants with spin, as models/runs lists them, and prints a table. Fails
# if anything comes out otherwise than expected. JOBS runs go on at a time (2), each within MEMORY MiB (1500) and
# LIMIT seconds (240). What a run found is left in .cache/model, as text.
#
#   scripts/model.sh                 all of it
#   scripts/model.sh found PEERS     the runs of models/runs whose line has both words
set -eu
cd "$(dirname "$0")/.."
JOBS=${JOBS:-2} MEMORY=${MEMORY:-1500} LIMIT=${LIMIT:-240}
out=$PWD/.cache/model
export MEMORY LIMIT out

row() { printf '%-8s %-42s %11s %8s  %-9s %s\n' "$@"; }

# one checks line "number model expected flags" and leaves a row of the table.
one() {
	number=$1 model=$2 expected=$3
	shift 3
	dir=$out/$number-$model
	mkdir -p "$dir"
	cp "models/$model.pml" "$dir/"
	cd "$dir"

	began=$(date +%s%N)
	spin -a "$@" "$model.pml" >spin.txt 2>&1 &&
		cc -O2 -w -DNOREDUCE -DBFS -DMEMLIM="$MEMORY" -o pan pan.c >cc.txt 2>&1 || { row "$model" "$*" - - "$expected" 'NOT BUILT' >row; return; }
	timeout "$LIMIT" ./pan -m400000 >pan.txt 2>&1 || true
	took=$((($(date +%s%N) - began) / 10000000))
	if grep -q 'errors: [1-9]' pan.txt; then
		got=found
		spin -t "$@" "$model.pml" >trail.txt 2>&1 || true
	elif grep -q 'errors: 0' pan.txt && ! grep -q -e 'Search not completed' -e 'depth too small' pan.txt; then
		got=holds
	else
		got='NO ANSWER'
	fi
	[ "$got" = "$expected" ] || got="$got  <- surprise"
	states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' pan.txt)
	row "$model" "$*" "${states:--}" "$(printf '%d.%02d' $((took / 100)) $((took % 100)))" "$expected" "$got" >row
	rm -f pan pan.?
}

if [ "${1-}" = --one ]; then
	shift
	# shellcheck disable=SC2086
	one $1
	exit
fi

if ! command -v spin >/dev/null 2>&1 || ! command -v cc >/dev/null 2>&1; then
	sudo=
	[ "$(id -u)" = 0 ] || sudo=sudo
	echo "installing: spin gcc libc6-dev"
	$sudo apt-get update -qq
	DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends spin gcc libc6-dev >/dev/null
fi
rm -rf "$out"
mkdir -p "$out"
grep -v '^ *\(#\|$\)' models/runs >"$out/runs"
for word in "$@"; do
	grep -w -e "$word" "$out/runs" >"$out/some" || { echo "no run of models/runs has the word $word"; exit 1; }
	mv "$out/some" "$out/runs"
done
row model flags states seconds expected got
awk '{ printf "%03d %s\n", NR, $0 }' "$out/runs" | tr '\n' '\0' | xargs -0 -n 1 -P "$JOBS" "$0" --one
cat "$out"/*/row
! grep -l -e surprise -e 'NOT BUILT' "$out"/*/row >/dev/null
