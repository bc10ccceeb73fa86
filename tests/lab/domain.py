# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Dom0 or a guest, seen through its agent."""
import shlex
import time
from pathlib import Path

import agent
import pace


class CommandFailed(Exception):
    def __init__(self, domain, script, code, output):
        super().__init__(f'{domain}: exit code {code} of: {script.strip()}\n{output.rstrip()}')
        self.code = code
        self.output = output


class Domain:
    """`ip`, `ip6` and `mac` are those of its first interface."""

    def __init__(self, name, port, ip, ip6, mac=None):
        self.name, self.port, self.ip, self.ip6, self.mac = name, port, ip, ip6, mac

    def __repr__(self):
        return self.name

    def run(self, script, timeout=120, data=b'', sink=None):
        """Runs a bash script; returns (exit code, output bytes)."""
        return agent.call(self.port, script, data, pace.stretched(timeout), sink)

    def sh(self, script, check=True, timeout=120, data=b''):
        """Runs a bash script and returns its output, without the last newline, as text."""
        code, output = self.run(script, timeout, data)
        text = output.decode(errors='replace')
        if check and code:
            raise CommandFailed(self.name, script, code, text)
        return text.rstrip('\n')

    def main_pid(self, unit):
        """Of the service's main process, as text; "0" when there is none."""
        return self.sh(f'systemctl show -P MainPID {unit}')

    def ok(self, script, timeout=120):
        """True if the script ends with exit code 0."""
        return self.run(script, timeout)[0] == 0

    def put(self, local, remote, mode=None):
        """Copies a local file, or bytes, to a path in the domain. Who reads that path meanwhile sees the old file, or the new."""
        data = local if isinstance(local, bytes) else Path(local).read_bytes()
        if mode is None:
            mode = 0o644 if isinstance(local, bytes) else Path(local).stat().st_mode & 0o777
        path, part = shlex.quote(remote), shlex.quote(f'{remote}.part')
        script = f'mkdir -p "$(dirname {path})" && '
        script += f'cat >{part}' if data else f': >{part}'
        self.sh(f'{script} && chmod {mode:o} {part} && mv -T {part} {path}', data=data, timeout=600)

    def get(self, remote, local=None):
        """Returns a file's bytes, or writes them to a local path."""
        code, data = self.run(f'cat {shlex.quote(remote)}', timeout=600)
        if code:
            raise CommandFailed(self.name, f'cat {remote}', code, data.decode(errors='replace'))
        if local is None:
            return data
        Path(local).write_bytes(data)
        return None

    def wait(self, timeout=300):
        """Waits until its agent answers."""
        agent.wait(self.port, pace.stretched(timeout))

    def answers(self):
        """Whether its agent does, at this moment."""
        try:
            return self.ok('true', timeout=5)
        except agent.AgentError:
            return False

    def set_clock(self):
        self.sh(f'date -s @{time.time():.3f} >/dev/null')
