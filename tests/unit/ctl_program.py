# SPDX-License-Identifier: GPL-2.0 OR MIT
"""xenloopctl as its tests run it, and daemons that answer it."""
import json
import os
import pathlib
import socket
import subprocess
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = ROOT / os.environ.get('BUILD', 'build') / 'asan/bin/xenloopctl'
GOLDEN = ROOT / 'tests/unit/golden'


class Daemon:
    """Answers one connection with the given lines and remembers the request."""

    def __init__(self, directory, lines):
        self.path = f'{directory}/control'
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()
        self.lines, self.request = lines, None
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        connection, _ = self.listener.accept()
        with connection, connection.makefile('rb') as stream:
            self.request = json.loads(stream.readline())
            connection.sendall(''.join(line + '\n' for line in self.lines).encode())

    def close(self):
        self.thread.join(10)
        self.listener.close()


class Host:
    """A daemon that answers each command as given, as often as asked; `name` tells xenloopctl which one it is."""

    def __init__(self, answers, name='xenloopd'):
        self.answers = answers
        self.directory = tempfile.TemporaryDirectory()
        self.path = f'{self.directory.name}/{name}'
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()
        self.requests = []
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection, connection.makefile('rb') as stream:
                line = stream.readline()
                if not line:
                    return
                request = json.loads(line)
                self.requests.append((request['command'], *request.get('args', [])))
                answer = self.answers.get(request['command'], {'error': {'code': 'unknown-command', 'message': ''}})
                connection.sendall(json.dumps({'schema': 1, **answer}).encode() + b'\n')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with socket.socket(socket.AF_UNIX) as end:
            end.connect(self.path)      # nothing is asked: the thread ends
        self.thread.join(10)
        self.listener.close()
        self.directory.cleanup()


def golden(name):
    return json.loads((GOLDEN / f'{name}.json').read_text())


VERSION = (ROOT / 'VERSION').read_text().strip()


def guest():
    """The answers of a guest's daemon, of this version."""
    answers = {verb: golden(f'guest-{verb}') for verb in ('status', 'peers', 'stats', 'settings')}
    answers['status']['version'] = answers['status']['kernel']['module_version'] = VERSION
    return answers


def dom0():
    return {'status': {**golden('dom0-status'), 'version': VERSION}, 'peers': golden('dom0-peers')}


def run(*arguments, stdout=subprocess.PIPE, env=None):
    return subprocess.run([PROGRAM, *arguments], stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE,
                          text=True, timeout=60, env={**os.environ, 'TZ': 'UTC', **(env or {})})


def ask(lines, *arguments):
    """Runs xenloopctl with the daemon answering lines; returns the process and the request."""
    with tempfile.TemporaryDirectory() as directory:
        daemon = Daemon(directory, lines)
        done = run('--socket', daemon.path, *arguments)
        daemon.close()
    return done, daemon.request
