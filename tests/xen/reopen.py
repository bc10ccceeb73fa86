# SPDX-License-Identifier: GPL-2.0 OR MIT
"""A channel is closed and opened again, many times in a row, under UDP streams: no loss, no repeat, no reordering."""
from case import expect
import pace
import _left as left
import _loop as loop
from _sequence import Sequence

TIMES = 200
TIMEOUT = 1500

# In turn by either side; the traffic itself brings the channel back.
SCRIPT = '''
for i in $(seq %d); do
    xenloopctl disconnect %s >/dev/null && xenloopctl connect %s >/dev/null || exit 1
    for j in $(seq 200); do xenloopctl peers | grep -q ' up ' && continue 2; sleep 0.05; done
    echo "not up again after close $i"; exit 1
done
'''


def run(host):
    loop.started(host)
    streams = [Sequence(host.g1, host.g2), Sequence(host.g2, host.g1)]
    before = loop.kernel(host.g1)['chans_created']
    share = pace.fewer(TIMES) // 2
    for guest, other in ((host.g1, 'g2'), (host.g2, 'g1')):
        guest.sh(SCRIPT % (share, other, other), timeout=600)
    for stream in streams:
        stream.stop()
    expect(loop.kernel(host.g1)['chans_created'] - before >= 2 * share, 'fewer channels than closes')
    for stream in streams:
        stream.expect_whole()
    left.expect_one_channel(host, host.g1, host.g2)
