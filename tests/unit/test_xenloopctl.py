#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""xenloopctl against a daemon of this test's own: golden answers in, golden text out, exit codes.

tests/unit/golden/HOST-COMMAND*.json is what the daemon says, the .txt beside it what people see.
"""
import json
import os
import pathlib
import pty
import re
import socket
import subprocess
import tempfile
import threading
import unittest

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


def run(*arguments, stdout=subprocess.PIPE):
    return subprocess.run([PROGRAM, *arguments], stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE,
                          text=True, timeout=60, env={**os.environ, 'TZ': 'UTC'})


def ask(lines, *arguments):
    """Runs xenloopctl with the daemon answering lines; returns the process and the request."""
    with tempfile.TemporaryDirectory() as directory:
        daemon = Daemon(directory, lines)
        done = run('--socket', daemon.path, *arguments)
        daemon.close()
    return done, daemon.request


def error(code):
    return json.dumps({'schema': 1, 'error': {'code': code, 'message': 'no peer g9'}})


class Golden(unittest.TestCase):
    maxDiff = None

    def arguments(self, reply):
        return [reply['command']] + (['g2'] if reply['command'] == 'connect' else [])

    def test_text(self):
        for path in sorted(GOLDEN.glob('*.json')):
            reply = json.loads(path.read_text())
            with self.subTest(path.stem):
                done, request = ask([json.dumps(reply)], *self.arguments(reply))
                self.assertEqual(done.stdout, path.with_suffix('.txt').read_text(), done.stderr)
                self.assertEqual(done.returncode, 0)
                self.assertEqual(request['command'], reply['command'])
                self.assertEqual(request['args'], self.arguments(reply)[1:])

    def test_json_is_the_daemons(self):
        for path in sorted(GOLDEN.glob('*.json')):
            reply = json.loads(path.read_text())
            with self.subTest(path.stem):
                done, _ = ask([json.dumps(reply)], '--json', *self.arguments(reply))
                self.assertEqual(list(json.loads(done.stdout).items()), list(reply.items()))

    def test_older_daemon_without_members(self):
        done, _ = ask(['{"schema":1,"command":"peers","peers":[{"name":"g2"}]}'], 'peers')
        self.assertEqual(done.returncode, 0)
        self.assertEqual(done.stdout.splitlines()[1].split(), ['g2'] + ['-'] * 11)

    def test_colour_only_on_a_terminal(self):
        reply = (GOLDEN / 'guest-peers.json').read_text()
        with tempfile.TemporaryDirectory() as directory:
            daemon = Daemon(directory, [json.dumps(json.loads(reply))])
            master, slave = pty.openpty()
            run('--socket', daemon.path, 'peers', stdout=slave)
            os.close(slave)
            text = os.read(master, 65536).decode()
            os.close(master)
            daemon.close()
        self.assertIn('\033[32mup\033[0m', text)
        self.assertEqual(re.sub('\033\\[[0-9]*m', '', text).replace('\r\n', '\n'),
                         (GOLDEN / 'guest-peers.txt').read_text())


class Monitor(unittest.TestCase):
    LINES = ['{"schema":1,"command":"monitor"}',
             '{"schema":1,"command":"monitor","event":"up","time_ms":43200250,"name":"g2","domid":2}',
             '{"schema":1,"command":"monitor","event":"down","time_ms":43201250,"reason":"peer\\u001b gone"}']

    def test_text(self):
        done, _ = ask(self.LINES, 'monitor')
        self.assertEqual(done.stdout, '12:00:00.250 up         name=g2 domid=2\n'
                                      '12:00:01.250 down       reason=peer??gone\n')
        self.assertEqual(done.returncode, 3)

    def test_only_printable(self):
        lines = [self.LINES[0],
                 '{"event":"\\u001b[31mup","time_ms":0,"\\u001b[2J":1,"\\u0007":"\\u00e9","o":{"\\u001b":1}}']
        done, _ = ask(lines, 'monitor')
        self.assertEqual(done.stdout, '00:00:00.000 ?[31mup    ?[2J=1 ?=??\n')
        done, _ = ask(lines[1:], 'status')
        self.assertNotIn('\033', done.stdout)

    def test_json_one_line_per_event(self):
        done, _ = ask(self.LINES, '--json', 'monitor')
        self.assertEqual([json.loads(line) for line in done.stdout.splitlines()],
                         [json.loads(line) for line in self.LINES[1:]])


class ExitCodes(unittest.TestCase):
    def check(self, done, code, text):
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertIn(text, done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)

    def test_errors_of_the_daemon(self):
        for code, status in (('failed', 1), ('permission', 1), ('busy', 1), ('usage', 2), ('not-found', 4)):
            with self.subTest(code):
                self.check(ask([error(code)], 'disconnect', 'g9')[0], status, 'no peer g9')

    def test_error_as_json(self):
        done, _ = ask([error('not-found')], '--json', 'connect', 'g9')
        self.assertEqual(json.loads(done.stdout)['error']['code'], 'not-found')
        self.assertEqual(done.returncode, 4)

    def test_nonsense_from_the_daemon(self):
        for line in ('', 'nonsense', '[]', '7'):
            self.check(ask([line], 'peers')[0], 1, 'Protocol error')
        self.check(ask([], 'peers')[0], 1, 'Protocol error')
        self.check(ask(['{"schema":2}'], 'peers')[0], 1, 'another version')

    def test_usage(self):
        for arguments in ([], ['nonsense'], ['peers', 'g2'], ['connect'], ['connect', 'a', 'b']):
            self.check(run(*arguments), 2, 'xenloopctl --help')
        self.assertEqual(run('--nonsense').returncode, 2)

    def test_no_daemon(self):
        with tempfile.TemporaryDirectory() as directory:
            self.check(run('-s', f'{directory}/control', 'peers'), 3, 'systemctl start xenloopd')
            stale = socket.socket(socket.AF_UNIX)
            stale.bind(f'{directory}/xendiscoverd')
            stale.close()
            self.check(run('-s', f'{directory}/xendiscoverd', 'monitor'), 3, 'systemctl start xendiscoverd')

    def test_full_disk_is_told(self):
        with open('/dev/full', 'w', encoding='ascii') as full:
            self.assertEqual(run('--help', stdout=full).returncode, 1)


class Help(unittest.TestCase):
    def test_manual_names_every_command_and_option(self):
        manual = (ROOT / 'docs/man/xenloopctl.8').read_text().replace('\\-', '-')
        text = run('--help').stdout
        commands = re.findall(r'^  ([a-z]+) ', text, re.M)
        self.assertEqual(len(commands), 6)
        for word in commands:
            self.assertRegex(manual, rf'(?m)^\.(BR?|TP).*\b{word}\b|^\.B {word}\b')
        for option in re.findall(r'--[a-z]+', text):
            self.assertIn(option, manual)

    def test_version(self):
        self.assertEqual(run('--version').stdout, f'xenloopctl {(ROOT / "VERSION").read_text()}')


if __name__ == '__main__':
    unittest.main()
