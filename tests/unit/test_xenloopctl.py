#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""xenloopctl against a daemon of this test's own: golden answers in, golden text out, exit codes.

tests/unit/golden/HOST-COMMAND*.json is what the daemon says, the .txt beside it what people see.
"""
import json
import os
import pty
import re
import socket
import tempfile
import unittest

from ctl_program import GOLDEN, VERSION, Daemon, Host, ask, dom0, guest, run


def error(code):
    return json.dumps({'schema': 1, 'error': {'code': code, 'message': 'no peer g9'}})


class Golden(unittest.TestCase):
    maxDiff = None

    ARGUMENTS = {'connect': ['connect', 'g2'], 'settings': ['set'], 'set': ['set', 'idle-timeout', '30']}

    def arguments(self, reply):
        return self.ARGUMENTS.get(reply['command'], [reply['command']])

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


    def test_no_color(self):
        """Set and empty means nothing, as no-color.org has it."""
        reply = json.dumps(json.loads((GOLDEN / 'guest-peers.json').read_text()))
        for value, coloured in (('', True), ('1', False)):
            with self.subTest(value), tempfile.TemporaryDirectory() as directory:
                daemon = Daemon(directory, [reply])
                master, slave = pty.openpty()
                run('--socket', daemon.path, 'peers', stdout=slave, env={'NO_COLOR': value})
                os.close(slave)
                self.assertEqual('\033[' in os.read(master, 65536).decode(), coloured)
                os.close(master)
                daemon.close()


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
        for code, status in (('failed', 1), ('permission', 1), ('busy', 1), ('too-many', 1), ('usage', 2), ('not-found', 4)):
            with self.subTest(code):
                self.check(ask([error(code)], 'disconnect', 'g9')[0], status, 'no peer g9')

    def test_error_as_json(self):
        done, _ = ask([error('not-found')], '--json', 'connect', 'g9')
        self.assertEqual(json.loads(done.stdout)['error']['code'], 'not-found')
        self.assertEqual(done.returncode, 4)

    def test_own_errors_as_json(self):
        """Also without an answer there is an object for scripts, with the words for people in it."""
        with tempfile.TemporaryDirectory() as directory:
            path = f'{directory}/control'
            for command in ('peers', 'monitor', 'status'):
                done = run('--json', '-s', path, command)
                self.check(done, 3, 'systemctl start xenloopd')
                reply = json.loads(done.stdout)
                self.assertEqual((reply['schema'], reply['error']['code']), (1, 'not-running'))
                self.assertEqual('xenloopctl: ' + reply['error']['message'], done.stderr.strip())
        done, _ = ask(['nonsense'], '--json', 'peers')
        self.assertEqual(json.loads(done.stdout)['error']['code'], 'failed')
        done, _ = ask([error('busy')], '--json', 'monitor')
        self.assertEqual(json.loads(done.stdout)['error']['code'], 'busy')
        self.assertEqual(done.returncode, 1)

    def test_nonsense_from_the_daemon(self):
        for line in ('', 'nonsense', '[]', '7'):
            self.check(ask([line], 'peers')[0], 1, 'Protocol error')
        self.check(ask([], 'peers')[0], 1, 'Protocol error')
        self.check(ask(['{"schema":2}'], 'peers')[0], 1, 'another version')

    def test_usage(self):
        for arguments in ([], ['nonsense'], ['peers', 'g2', 'g3'], ['connect'], ['connect', 'a', 'b'], ['set', 'a', 'b', 'c'],
                          ['doctor', 'a', 'b', 'c'], ['completion'], ['completion', 'fish'], ['peers', b'\xff'],
                          ['doctor', 'g1', b'\xff']):
            self.check(run(*arguments), 2, 'xenloopctl --help')
        self.assertEqual(run('--nonsense').returncode, 2)

    def test_no_daemon(self):
        with tempfile.TemporaryDirectory() as directory:
            for command in ('peers', 'monitor'):
                self.check(run('-s', f'{directory}/control', command), 3, 'systemctl start xenloopd')
            stale = socket.socket(socket.AF_UNIX)
            stale.bind(f'{directory}/xendiscoverd')
            stale.close()
            self.check(run('-s', f'{directory}/xendiscoverd', 'status'), 3, 'systemctl start xendiscoverd')

    def test_full_disk_is_told(self):
        with open('/dev/full', 'w', encoding='ascii') as full:
            self.assertEqual(run('--help', stdout=full).returncode, 1)


class Doctor(unittest.TestCase):
    """The reasoning has a test of its own, test_doctor.c; this is what surrounds it."""
    maxDiff = None

    def doctor(self, answers, *arguments, name='xenloopd'):
        with Host(answers, name) as host:
            done = run('--socket', host.path, *arguments)
        return done, host.requests

    def test_text(self):
        for name, answers in (('xenloopd', guest()), ('xendiscoverd', dom0())):
            with self.subTest(name):
                done, requests = self.doctor(answers, 'doctor', name=name)
                wanted = (GOLDEN / f'doctor-{name}.txt').read_text().replace('@VERSION@', VERSION)
                self.assertEqual(done.stdout, wanted, done.stderr)
                self.assertEqual(done.returncode, 1)
                self.assertEqual([request[0] for request in requests], list(answers)[:len(requests)])

    def test_json_says_the_same(self):
        done, _ = self.doctor(guest(), '--json', 'doctor')
        reply = json.loads(done.stdout)
        lines = (GOLDEN / 'doctor-xenloopd.txt').read_text().splitlines()
        self.assertEqual(len(lines), len(reply['findings']))
        for line, finding in zip(lines, reply['findings']):
            self.assertEqual(line.split()[:2], [finding['result'], finding['check']])
        self.assertEqual(reply['problems'], sum(f['result'] == 'problem' for f in reply['findings']))
        self.assertEqual((reply['command'], reply['host'], done.returncode), ('doctor', 'guest', 1))

    def test_nothing_wrong(self):
        answers = guest()
        del answers['status']['interfaces'][1], answers['peers']['peers'][1]
        done, _ = self.doctor(answers, 'doctor')
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertEqual(re.findall('(?m)^problem', done.stdout), [])

    def test_pair(self):
        end = {'domid': 1, 'name': 'g1', 'vif': 0, 'network': 'xenbr0', 'state': 'ok'}
        other = {'domid': 2, 'name': 'g2', 'vif': 0, 'network': 'xenbr1', 'state': 'ok'}
        guests = [{**g, 'peer': True, 'running': True, 'vifs': [g]} for g in (end, other)]
        pair = {'guests': guests, 'links': [{'a': end, 'b': other, 'allowed': False, 'reason': 'other-network',
                                             'policy': 'default'}]}
        done, requests = self.doctor({**dom0(), 'pair': pair}, 'doctor', 'g1', 'g2', name='xendiscoverd')
        self.assertIn(('pair', 'g1', 'g2'), requests)
        self.assertIn('on different bridges: xenbr0 and xenbr1', done.stdout)
        self.assertEqual(done.returncode, 1)

    def test_pair_is_for_dom0(self):
        done, requests = self.doctor(guest(), 'doctor', 'g1', 'g2')
        self.assertEqual((done.returncode, requests), (2, []))
        self.assertIn('in Dom0', done.stderr)

    def test_commands_of_guests(self):
        for command in (['stats'], ['monitor'], ['connect', 'g1'], ['disconnect', 'g1'], ['set']):
            with Host(dom0(), 'xendiscoverd') as host:
                done = run('--socket', host.path, *command)
            self.assertEqual((done.returncode, done.stdout, host.requests), (2, '', []))
            self.assertEqual(done.stderr, f'xenloopctl: {command[0]} is for guests; this is Dom0\n')

    def test_unexpected_answers(self):
        """A daemon that is busy or speaks nonsense is a finding, too."""
        for answer, cause in (({'error': {'code': 'busy', 'message': ''}}, 'daemon-unreachable'),
                              ({'error': {'code': 'unknown-command', 'message': ''}}, 'daemon-other-version'),
                              ({'schema': 2}, 'daemon-other-version')):
            done, _ = self.doctor({**guest(), 'stats': answer}, '--json', 'doctor')
            causes = [f['cause'] for f in json.loads(done.stdout)['findings']]
            self.assertTrue({cause, 'not-xen'} & set(causes), causes)
            self.assertEqual(done.returncode, 1)

    def test_what_guests_send_is_not_shown_raw(self):
        done, _ = self.doctor(guest(), 'doctor')
        self.assertIn('out of grants?[2J', done.stdout)
        self.assertNotIn('\033', done.stdout)


if __name__ == '__main__':
    unittest.main()
