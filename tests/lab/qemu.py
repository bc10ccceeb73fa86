# SPDX-License-Identifier: GPL-2.0 OR MIT
"""One QEMU process: the machine that Xen boots on."""
import ctypes
import json
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

from paths import LabError, digest
from tools import TREE, program
from trees import path_of, tree

SNAPSHOT = 'booted'
XEN_WORDS = ('console=com1 com1=115200 noreboot bootscrub=0 dom0_mem=768M,max:768M dom0_max_vcpus=1 '
             'guest_loglvl=all conring_size=256k')
DOM0_WORDS = ('console=hvc0 loglevel=5 root=/dev/vda ro net.ifnames=0 systemd.hostname=dom0 systemd.show_status=0 '
              'lab.machine_id=00000000000000000000000000000015 lab.dom0')
WIRE_HUB = 1  # what the machine's second network card is plugged into: nothing, until plug_wire()
PR_SET_PDEATHSIG = 1


def environment():
    return dict(os.environ, QEMU_MODULE_DIR=f'{tree(TREE)}/usr/lib/x86_64-linux-gnu/qemu')


def machine(image, disks=()):
    """The machine's arguments: whatever changes here makes an old snapshot useless.  `disks` are read-only ones."""
    drives, read_only = [], 'format=raw,readonly=on'
    for name, file, options in (('vda', f'{image}/root.ext4', read_only),
                                ('vdb', f'{image}/root.ext4', read_only),
                                ('vdc', 'scratch.qcow2', 'format=qcow2,discard=unmap'),
                                *((f'vd{letter}', disk, read_only) for letter, disk in zip('defgh', disks))):
        drives += ['-drive', f'if=none,id={name},file={file},{options}', '-device', f'virtio-blk-pci,drive={name}']
    return ['-machine', 'pc', '-cpu', 'qemu64,+svm,+npt', '-accel', 'tcg,thread=multi', '-smp', '2', '-m', '4096',
            '-nodefaults', '-no-user-config', '-display', 'none', '-vga', 'none', '-no-reboot',
            '-kernel', f'{image}/xen', '-append', XEN_WORDS,
            '-initrd', f'{image}/vmlinuz {DOM0_WORDS},{image}/initrd',
            *drives,
            '-netdev', 'user,id=outside,restrict=on,ipv6=off',
            '-device', 'virtio-net-pci,netdev=outside,mac=52:54:00:00:00:02,romfile=',
            '-netdev', f'hubport,id=plug,hubid={WIRE_HUB}',
            '-device', 'virtio-net-pci,netdev=plug,mac=52:54:00:00:00:03,romfile=']


def key(image, disks=()):
    return digest(path_of(TREE).name, *machine(image, disks))


def create_disk(path, size):
    subprocess.run([*program('qemu-img'), 'create', '-q', '-f', 'qcow2', str(path), size], check=True,
                   env=environment(), stdin=subprocess.DEVNULL)


class Qemu:
    """A running QEMU whose working directory is `directory`: qmp.sock, console.log and scratch.qcow2 are there."""

    def __init__(self, directory, pid=None):
        self.directory = Path(directory)
        self.pid = pid
        self.process = None

    def start(self, image, snapshot=None, lock_fd=None, stay=False, disks=()):
        """Starts it; with `stay` it outlives this process, else it dies with it."""
        command = [*program('qemu-system-x86_64'), '-L', f'{tree(TREE)}/usr/share/qemu',
                   '-L', f'{tree(TREE)}/usr/share/seabios', *machine(image, disks),
                   '-serial', 'file:console.log', '-qmp', 'unix:qmp.sock,server=on,wait=off']
        if snapshot:
            command += ['-loadvm', snapshot]
        with open(self.directory / 'qemu.log', 'wb') as log:
            self.process = subprocess.Popen(
                command, cwd=self.directory, env=environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, pass_fds=[] if lock_fd is None else [lock_fd],
                preexec_fn=None if stay else die_with_parent)
        self.pid = self.process.pid
        self.wait_for_monitor()

    def wait_for_monitor(self, timeout=60):
        deadline = time.monotonic() + timeout
        while True:
            try:
                with self.connect():
                    return
            except OSError:
                if not self.alive() or time.monotonic() > deadline:
                    raise LabError(f'QEMU did not start: {self.last_words()}') from None
                time.sleep(0.05)

    def last_words(self):
        text = (self.directory / 'qemu.log').read_text(errors='replace').strip()
        return f'{text[-400:] or "it said nothing"} ({self.ending()})'

    def ending(self):
        status = self.process.poll() if self.process else None
        if status is None:
            return f'it runs on in {self.directory}' if self.alive() else 'nobody knows how it ended'
        return f'signal {-status}' if status < 0 else f'exit status {status}'

    def alive(self):
        """True only while the pid is the process started here: a pid may have been used again."""
        if self.process and self.process.poll() is not None:
            return False
        try:
            return os.readlink(f'/proc/{self.pid}/cwd') == str(self.directory)
        except OSError:
            return False

    def connect(self):
        """A monitor connection.  Through a directory handle, since a socket's path may have only 107 bytes."""
        handle = os.open(self.directory, os.O_PATH)
        try:
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(600)
            try:
                connection.connect(f'/proc/self/fd/{handle}/qmp.sock')
            except OSError:
                connection.close()
                raise
            return connection
        finally:
            os.close(handle)

    def monitor(self, line):
        """Runs a human monitor command and returns what it prints."""
        return self.command('human-monitor-command', {'command-line': line})

    def command(self, name, arguments):
        """Runs a QMP command and returns its result."""
        with self.connect() as connection, connection.makefile('rw') as stream:
            json.loads(stream.readline())
            self.execute(stream, 'qmp_capabilities')
            return self.execute(stream, name, arguments)

    @staticmethod
    def execute(stream, command, arguments=None):
        stream.write(json.dumps({'execute': command, 'arguments': arguments or {}}) + '\n')
        stream.flush()
        while True:
            line = stream.readline()
            if not line:
                raise LabError(f'QEMU ended during {command}')
            reply = json.loads(line)
            if 'error' in reply:
                raise LabError(f'QEMU refused {command}: {reply["error"].get("desc")}')
            if 'return' in reply:
                return reply['return']

    def save(self, name):
        complaint = self.monitor(f'savevm {name}').strip()
        if complaint:
            raise LabError(f'savevm failed: {complaint}')

    def forward(self, address, port):
        """Opens a free port of 127.0.0.1 that leads to address:port inside; returns it."""
        complaint = self.monitor(f'hostfwd_add outside tcp:127.0.0.1:0-{address}:{port}').strip()
        if complaint:
            raise LabError(f'hostfwd_add failed: {complaint}')
        pattern = rf'HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d+)\s+{re.escape(address)}\s+{port}\s'
        return int(re.findall(pattern, self.monitor('info usernet'))[-1])

    def plug_wire(self, here, there):
        """Joins the second network card to another QEMU's by datagrams between two UDP ports of 127.0.0.1."""
        address = {'type': 'inet', 'host': '127.0.0.1'}
        self.command('netdev_add', {'type': 'dgram', 'id': 'wire', 'local': {**address, 'port': str(here)},
                                    'remote': {**address, 'port': str(there)}})
        self.command('netdev_add', {'type': 'hubport', 'id': 'end', 'hubid': WIRE_HUB, 'netdev': 'wire'})

    def stop(self):
        if self.pid and self.alive():
            os.kill(self.pid, signal.SIGKILL)
            deadline = time.monotonic() + 10
            while self.alive() and time.monotonic() < deadline:
                time.sleep(0.02)
        if self.process:
            self.process.wait()


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
