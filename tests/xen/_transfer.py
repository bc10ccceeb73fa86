# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Noise over TCP from one guest to another, compared by sha256."""
from case import expect_equal

PIECE = 8  # MB


def transfer(source, sink, address, megabytes, port=6000, listen=6000, source_in='', sink_in=''):
    """The same 8 MB again and again, each behind its number: cheap to make, and no two pieces are alike.

    `port` is where to connect to, `listen` where the sink is, if NAT lies between. `source_in` and `sink_in` run a
    command elsewhere in the guest: `ip netns exec NAME`.
    """
    family = '-6' if ':' in address else '-4'
    source.sh(f'[ -e /run/noise ] || head -c {PIECE}M /dev/urandom >/run/noise')
    sink.sh('rm -f /run/received; systemd-run -q --collect '
            f"{sink_in} bash -c 'nc {family} -l -N {listen} </dev/null | sha256sum >/run/received'")
    sink.sh(f'until {sink_in} ss -ltn | grep -q :{listen}; do sleep 0.2; done')
    sent = source.sh(f'''set -e -o pipefail; rm -f /run/sent
        for i in $(seq {megabytes // PIECE}); do echo $i; cat /run/noise; done |
            tee >(sha256sum >/run/sent) | {source_in} nc -w 60 -N {address} {port}
        until [ -s /run/sent ]; do sleep 0.2; done; cat /run/sent''', timeout=900)
    received = sink.sh('until [ -s /run/received ]; do sleep 0.2; done; cat /run/received', timeout=300)
    expect_equal(received, sent, f'sha256 of {megabytes} MB from {source} to {sink} by {address}')
