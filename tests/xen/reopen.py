# SPDX-License-Identifier: GPL-2.0 OR MIT
"""A channel is closed and opened again, many times in a row, under UDP streams: no loss, no repeat, no reordering."""
from pathlib import Path

from case import expect, expect_equal
import _loop as loop

TIMES = 200
TIMEOUT = 1500
GUEST = Path(__file__).parent / 'guest'

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
    start(host)
    before = loop.kernel(host.g1)['chans_created']
    for guest, other in ((host.g1, 'g2'), (host.g2, 'g1')):
        guest.sh(SCRIPT % (TIMES // 2, other, other), timeout=600)
    sent = stop(host)
    expect(loop.kernel(host.g1)['chans_created'] - before >= TIMES, 'fewer channels than closes')
    for guest, other in ((host.g1, host.g2), (host.g2, host.g1)):
        result = dict(pair.split('=') for pair in guest.sh('cat /run/seq').split())
        wanted = {'received': str(sent[other]), 'last': str(sent[other] - 1), 'duplicates': '0', 'reordered': '0'}
        expect_equal(result, wanted, f'what {guest} saw of {sent[other]} datagrams')


def start(host):
    for guest in (host.g1, host.g2):
        guest.put(GUEST / 'udpseq.py', '/root/udpseq.py')
        guest.sh('systemd-run -q -u seq --collect bash -c "python3 /root/udpseq.py receive 6100 10 >/run/seq 2>&1"')
        guest.sh('until ss -lun | grep -q :6100; do sleep 0.2; done')
    for guest, other in ((host.g1, host.g2), (host.g2, host.g1)):
        guest.sh('systemd-run -q -u send --collect bash -c '
                 f'"python3 /root/udpseq.py send {other.ip} 6100 10000000 1000 0.003 >/run/sent 2>&1"')


def stop(host):
    """How many each sent, once the receivers have ended."""
    for guest in (host.g1, host.g2):
        guest.sh('touch /run/stop')
    for guest in (host.g1, host.g2):
        guest.sh('while systemctl -q is-active send || systemctl -q is-active seq; do sleep 0.5; done', timeout=120)
    return {guest: int(guest.sh('cat /run/sent').removeprefix('sent=')) for guest in (host.g1, host.g2)}
