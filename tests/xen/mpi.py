# SPDX-License-Identifier: GPL-2.0 OR MIT
"""MPI between guests (Open MPI over TCP): NetPIPE's messages of all sizes arrive as they were, by the channel."""
from pathlib import Path

from case import expect, expect_in
import _loop as loop

AGENT = Path(__file__).parent / 'guest/agentsh.py'
LARGEST = 300_000  # bytes a message
REPEATS = 20


def run(host):
    loop.started(host)
    g1, g2 = host.g1, host.g2
    for guest in (g1, g2):  # mpirun's daemon in g2 looks whether it is there, too
        guest.put(AGENT, '/root/agentsh.py', mode=0o755)
    with loop.moved(g1, g2) as m:
        output = g1.sh(mpirun(g1, g2, f'NPopenmpi -i -u {LARGEST} -n {REPEATS} -o /run/netpipe'), timeout=600)
    for rank in ('0: g1', '1: g2'):
        expect_in(rank, output, 'who takes part')
    messages = [line for line in output.splitlines() if '-->' in line]
    expect(len(messages) >= 20, f'NetPIPE sent only {len(messages)} sizes: {output}')
    for line in messages:
        expect_in('Integrity check passed', line, 'NetPIPE')
    m.expect_frames(REPEATS * len(messages))
    for side in (m.a, m.b):
        expect(side['tx-bytes'] > REPEATS * LARGEST, f'only {side["tx-bytes"]} bytes took the channel')


def mpirun(g1, g2, command):
    """One rank in each guest; the lab's agent does what ssh would, and both have one CPU for rank and daemon."""
    return (f'cd /run; mpirun.openmpi --allow-run-as-root --host {g1.ip}:1,{g2.ip}:1 -n 2 '
            '--map-by node:OVERSUBSCRIBE --bind-to none --leave-session-attached '
            f'--prtemca plm_ssh_agent /root/agentsh.py --mca pml ob1 --mca btl tcp,self {command} 2>&1')
