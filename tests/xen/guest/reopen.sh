#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# The steps by which a channel is closed and opened again.
#
# usage: reopen.sh PEER STEP...
#
#   full      wait until the FIFO is full and nobody takes anything out of it
#   hold      have the stream send nothing more than what waits already
#   resume    have it go on
#   returned  print how many frames this guest's channels have taken back so far
#   close     begin to close the channel
#   gone      wait until it is closed
#   open      have it come up
#   opened    wait until it is up

peer=$1

# "FRAMES WAITED": what was put into the channel to the peer, and what had to wait for room before.
counters() {
    xenloopctl stats | awk -v peer="$peer" '
        $2 == peer && $(NF - 1) == "tx-frames" { frames = $NF }
        $2 == peer && $(NF - 1) == "tx-backlogged" { waited = $NF }
        END { print frames + 0, waited + 0 }'
}

# Some are in it, more have to wait, and none of those gets in. (While the channel comes up, all wait.)
full() {
    local before='none 0' now
    for _ in {1..300}; do
        now=$(counters)
        [ "${now% *}" -gt 0 ] && [ "${now% *}" = "${before% *}" ] && [ "${now#* }" -gt "${before#* }" ] && return
        before=$now
        sleep 0.03
    done
    echo "the FIFO to $peer does not get full: $now"
    return 1
}

returned() {
    xenloopctl stats | awk '$2 == "(all)" && $(NF - 1) == "tx-returned" { sum += $NF } END { print sum + 0 }'
}

state() {
    xenloopctl peers "$peer" | awk 'NR == 2 { print $5 }'
}

until_state() {
    for _ in {1..400}; do
        [ "$(state)" = "$1" ] && return
        sleep 0.03
    done
    echo "the channel to $peer is $(state), not $1"
    return 1
}

hold() { touch /run/hold; }
resume() { rm /run/hold; }
close() { xenloopctl disconnect "$peer" >/dev/null; }
gone() { until_state held; }
open() { xenloopctl connect "$peer" >/dev/null && opened; }
opened() { until_state up; }

for step in "${@:2}"; do
    $step || exit 1
done
