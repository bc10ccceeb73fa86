# SPDX-License-Identifier: GPL-2.0 OR MIT
"""How long what a connection of g1's has sent stays charged to its socket."""
from contextlib import nullcontext
from pathlib import Path

from _pause import paused

PROGRAM = Path(__file__).parent / 'guest/held.py'
BYTES = 32 << 10


def sent(host, address, within='', size=BYTES, pause=False):
    """What held.py says of so many bytes to g2, where their reader is started by `within`; g2 may be paused for them."""
    host.g1.put(PROGRAM, '/root/held.py')
    host.g2.sh(f'systemd-run -q -u sink --collect {within} socat -u TCP4-LISTEN:6300 OPEN:/dev/null\n'
               f"until {within} ss -Hltn 'sport = :6300' | grep -q .; do sleep 0.1; done")
    host.g1.sh('rm -f /run/held /run/held.go\n'
               f'systemd-run -q -u held --collect python3 /root/held.py {address} 6300 {size} /run/held\n'
               "until ss -Htn state established 'dport = :6300' | grep -q .; do sleep 0.1; done")
    with paused(host, host.g2) if pause else nullcontext():
        held, seconds = host.g1.sh('touch /run/held.go; until [ -e /run/held ]; do sleep 0.1; done; cat /run/held').split()
    host.g2.sh('systemctl stop sink || true')  # it ends with the connection, unless its FIN got lost
    return int(held), float(seconds)
