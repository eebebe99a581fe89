#!/bin/sh
# The right programs of all lessons in so many schedules each, 10,000 unless told: nothing may be found.
#
#   cargo build --release && tests/overnight.sh [SCHEDULES] [LAB]
set -u
cd "$(dirname "$0")/.."
schedules=${1:-10000} lab=${2:-target/release/lab} failed=0
for program in lessons/[0-9]*/solutions/*.rs; do
    lesson=${program#lessons/} lesson=${lesson%%/*}
    "$lab" explore "$lesson" --program "solutions/${program##*/}" --schedules "$schedules" || {
        failed=1
        echo "$program: exit $?"
    }
done
exit $failed
