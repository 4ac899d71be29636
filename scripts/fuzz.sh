#!/bin/sh
# Runs every fuzzer of the repository in turn, each for the time given.
set -eu
cd "$(dirname "$0")/.."
time=${1:-60s}
failed=0
for file in $(git ls-files '*_test.go' | xargs grep -l '^func Fuzz'); do
	dir=./$(dirname "$file")
	for name in $(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$file"); do
		echo "== $dir $name for $time"
		go test -run '^$' -fuzz "^$name\$" -fuzztime "$time" "$dir" || failed=1
	done
done
exit $failed
