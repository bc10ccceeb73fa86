# SPDX-License-Identifier: GPL-2.0 OR MIT
"""256 MB over TCP arrive with the same sha256, both ways, and every frame of them is accounted for."""
from case import expect
import _loop as loop
from _transfer import transfer

MB = 256
TIMEOUT = 1200


def run(host):
    loop.started(host)
    for source, sink in ((host.g1, host.g2), (host.g2, host.g1)):
        with loop.moved(source, sink) as m:
            transfer(source, sink, sink.ip, MB)
        expect(m.a['tx-bytes'] >= MB << 20, f'only {m.a["tx-bytes"]} bytes took the channel')
        m.expect_all_through()
