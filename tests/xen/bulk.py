# SPDX-License-Identifier: GPL-2.0 OR MIT
"""256 MB over TCP arrive with the same sha256, both ways, and every frame of them is accounted for."""
from case import expect, expect_equal
import _loop as loop

MB = 256
TIMEOUT = 1200


def run(host):
    loop.started(host)
    transfer(host.g1, host.g2)
    transfer(host.g2, host.g1)


def transfer(source, sink):
    """32 times the same 8 MB of noise, each behind its number: cheap to make, and no two pieces are alike."""
    source.sh('[ -e /run/noise ] || head -c 8M /dev/urandom >/run/noise')
    make = f'for i in $(seq {MB // 8}); do echo $i; cat /run/noise; done'
    sink.sh("rm -f /run/sum; systemd-run -q -u sink --collect bash -c 'nc -l -N 6000 </dev/null | sha256sum >/run/sum'")
    sink.sh('until ss -ltn | grep -q :6000; do sleep 0.2; done')
    with loop.moved(source, sink) as m:
        source.sh(f'({make}) | nc -N {sink.ip} 6000', timeout=900)
        received = sink.sh('until [ -s /run/sum ]; do sleep 0.2; done; cat /run/sum', timeout=300)
    sent = source.sh(f'({make}) | sha256sum', timeout=300)
    expect_equal(received.split()[0], sent.split()[0], f'sha256 of {MB} MB from {source} to {sink}')
    expect(m.a['tx-bytes'] >= MB << 20, f'only {m.a["tx-bytes"]} bytes took the channel')
    m.expect_all_through()
