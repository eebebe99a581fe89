#!/bin/sh
# What takes a night: each lesson recorded 1,000 times, all of them alike, and the right programs of all lessons in 10,000
# schedules each, none of which breaks a rule.
#
#   cargo build --release && tests/overnight.sh [RECORDINGS [SCHEDULES [LAB]]]
#
# A number of 0 leaves that part out. To make it harder, let something else keep the machine busy meanwhile.
set -u
cd "$(dirname "$0")/.."
recordings=${1:-1000} schedules=${2:-10000} lab=${3:-target/release/lab} failed=0

# Without what no two runs have in common: the time, and the frames with TCP's numbers.
form() {
    sed -E '/^ *"frames":/,$d; s/"at":[0-9]+//g' | md5sum
}

for lesson in lessons/[0-9]*; do
    [ "$recordings" -gt 0 ] || break
    lesson=${lesson#lessons/}
    "$lab" run "$lesson" --as json | grep -q '"seq"' || { failed=1; echo "$lesson: no recording"; continue; }
    forms=$(for _ in $(seq "$recordings"); do "$lab" run "$lesson" --as json | form; done | sort | uniq -c | sort -rn)
    count=$(echo "$forms" | wc -l)
    echo "$lesson: $recordings recordings, $count distinct"
    [ "$count" = 1 ] || { failed=1; echo "$forms"; }
done

for program in lessons/[0-9]*/solutions/*.rs; do
    [ "$schedules" -gt 0 ] || break
    lesson=${program#lessons/} lesson=${lesson%%/*}
    "$lab" explore "$lesson" --program "solutions/${program##*/}" --schedules "$schedules" || {
        failed=1
        echo "$program: exit $?"
    }
done
exit $failed
