# SPDX-License-Identifier: GPL-2.0 OR MIT
"""A channel is closed while its FIFO is full and opened again, under UDP streams: no loss, no repeat, no reordering.

REOPEN_TIMES says how many times, in both directions together.
"""
import os

from case import expect
import _loop as loop
from _sequence import Sequence

TIMES = int(os.environ.get('REOPEN_TIMES', 200))
TIMEOUT = 600 + 10 * TIMES
SIZE, REST = 8000, 0.01  # each a handful of fragments: a few dozen of them fill the FIFO
CONFIG = 'mkdir -p /etc/xenloop && printf "[channels]\\nfifo-size = 128K\\n[kernel]\\ndrain-timeout = {}\\n" >/etc/xenloop/xenloopd.conf'

# The peer does not run for a while, again and again: what is sent to it meanwhile fills the FIFO.
STUTTER = 'while :; do xl pause {0}; sleep 0.7; xl unpause {0}; sleep 1.5; done'
# A frame had to wait: the FIFO is full.
CLOSE = '''
for i in $(seq %d); do
    until xenloopctl stats | grep -q tx-backlogged; do sleep 0.05; done
    xenloopctl disconnect %s >/dev/null && xenloopctl connect %s >/dev/null || exit 1
    for j in $(seq 400); do xenloopctl peers | grep -q ' up ' && continue 2; sleep 0.05; done
    echo "not up again after close $i"; exit 1
done
'''


def run(host):
    """A peer that wakes in time drains the FIFO; one that wakes later finds that its frames were taken back."""
    for guest in (host.g1, host.g2):
        guest.sh(CONFIG.format(2000))
    loop.started(host)
    full(host, host.g1, host.g2)
    for guest in (host.g1, host.g2):
        guest.sh(CONFIG.format(100) + '; systemctl restart xenloopd')
    full(host, host.g2, host.g1)
    returned = loop.iface_stats(host.g2)['returned']
    expect(returned > TIMES, f'frames taken back out of a full FIFO: {returned}')


def full(host, sender, receiver):
    streams = [Sequence(sender, receiver, SIZE, REST), Sequence(receiver, sender)]
    loop.up(sender, receiver)
    before = loop.kernel(sender)['chans_created']
    host.dom0.sh(f'systemd-run -q -u stutter sh -c "{STUTTER.format(receiver.name)}"')
    sender.sh(CLOSE % (TIMES // 2, receiver.name, receiver.name), timeout=60 + 10 * TIMES)
    host.dom0.sh(f'systemctl stop stutter; xl unpause {receiver.name} 2>/dev/null || true')
    for stream in streams:
        stream.stop()
    expect(loop.kernel(sender)['chans_created'] - before >= TIMES // 2, 'fewer channels than closes')
    for stream in streams:
        stream.expect_whole()
