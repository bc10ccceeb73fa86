#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""xenloopctl's words: --help, the man page and the completions of both shells name the same commands and options."""
import pathlib
import re
import subprocess
import tempfile
import unittest

from ctl_program import PROGRAM, ROOT, VERSION, Host, dom0, guest, run
from man_pages import PAGES, man_section

HELP = run('--help').stdout


def help_section(name):
    """What stands before two blanks in each line of a section."""
    body = re.search(rf'^{name}:\n((?:  .*\n)+)', HELP, re.M).group(1)
    return [re.split(r'  +', line.strip())[0] for line in body.splitlines()]


COMMANDS = [line.split()[0] for line in help_section('commands')]
OPTIONS = re.findall(r'--?[a-zA-Z]+', ' '.join(help_section('options')))


class Manual(unittest.TestCase):
    def test_commands(self):
        self.assertEqual(man_section('COMMANDS'), help_section('commands'))
        self.assertGreaterEqual(len(COMMANDS), 10)

    def test_options(self):
        self.assertEqual(man_section('OPTIONS'), help_section('options'))

    def test_exit_statuses(self):
        statuses = HELP[HELP.index('exit status:'):]
        self.assertEqual(man_section('EXIT STATUS'), re.findall(r'\d', statuses))

    def test_counters_of_the_module(self):
        in_code = re.findall(r'X\(\w+, "([a-z-]+)"\)', (ROOT / 'kmod/stats.h').read_text())
        self.assertEqual(man_section('COUNTERS', 'xenloop.4'), in_code)

    def test_tunables_of_the_module(self):
        keys = re.findall(r'\.section = "kernel", \.key = "([a-z-]+)"', (ROOT / 'xenloopd/settings.c').read_text())
        self.assertEqual(man_section('PARAMETERS', 'xenloop.4'), keys)

    def test_settings(self):
        """What `set` knows is what the configuration file knows."""
        keys = re.findall(r'\.key = "([a-z-]+)"', (ROOT / 'xenloopd/settings.c').read_text())
        tunables = re.findall(r'^\t\{ "([a-z-]+)", "[a-z]*",$', (ROOT / 'xenloopd/tune.c').read_text(), re.M)
        self.assertEqual(sorted(tunables), sorted(keys))

    def test_members_of_answers(self):
        """The man page lists members that the daemons have, and none of theirs is missing that looks like one (a_b)."""
        page = re.search(r'^\.SH JSON\n.*?^\.PP\n(.*?)^\.SH ', (PAGES / 'xenloopctl.8').read_text(), re.M | re.S).group(1)
        listed = set(re.findall(r'\w+', page))
        daemons = ('xenloopd/status.c', 'xenloopd/tune.c', 'xenloopd/report.c', 'xendiscoverd/status.c')
        quoted = set(re.findall(r'"([a-z0-9_]+)"', ''.join((ROOT / name).read_text() for name in daemons)))
        self.assertEqual({name for name in quoted if '_' in name} - listed, set(), 'not in the man page')
        self.assertEqual({name for name in listed if '_' in name} - quoted, set(), 'in no answer')

    def test_causes_of_doctor(self):
        """Each is in a call, or in a table of causes by somebody else's words."""
        page = re.search(r'^\.SH CAUSES\n.*?(^\.TP\n.*?)^\.SH ', (PAGES / 'xenloopctl.8').read_text(), re.M | re.S).group(1)
        listed = set(re.findall(r'[a-z0-9]+(?:-[a-z0-9]+)+|(?<=^\.B )aside$|\b(?:suspended|held|drops)\b', page.replace('\\-', '-'), re.M))
        code = ''.join(path.read_text() for path in sorted((ROOT / 'xenloopctl').glob('doctor*.c')))
        used = set(re.findall(r'xenloop_find\(at,\s*[^;]*?,\s*"([a-z0-9-]+)",', code) +
                   re.findall(r'\{ "[^"]*", "([a-z]+-[a-z0-9-]+)",', code) +
                   re.findall(r'"(aside|vif-refused)"', code))
        self.assertEqual(used - listed, set(), 'not in the man page')
        self.assertEqual(listed - used, set(), 'in no finding')

    def test_version(self):
        self.assertEqual(run('--version').stdout, f'xenloopctl {VERSION}\n')


class Shell(unittest.TestCase):
    """The scripts as shells run them, with a daemon to be asked for names."""
    SHELL = ()      # how to run a script

    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory()
        self.addCleanup(self.scratch.cleanup)
        self.script = pathlib.Path(self.scratch.name, '_xenloopctl')
        self.script.write_text(run('completion', self.SHELL[0]).stdout)

    def shell(self, text, *arguments, host=None):
        program = f'{PROGRAM} --socket {host.path}' if host else PROGRAM
        text = f'xenloopctl() {{ {program} "$@"; }}\n{text}'
        done = subprocess.run([*self.SHELL, '-c', text, 'test', *arguments], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, ''))
        return done.stdout.split()


class Bash(Shell):
    SHELL = ('bash', '--norc')

    def complete(self, *words, host=None):
        """What bash would offer for the last word."""
        return self.shell(f'source {self.script}\nCOMP_WORDS=(xenloopctl "$@") COMP_CWORD=$#\n'
                          '_xenloopctl\nprintf "%s\\n" "${COMPREPLY[@]}"', *words, host=host)

    def test_commands(self):
        self.assertEqual(self.complete(''), COMMANDS)
        self.assertEqual(self.complete('--json', 's'), [c for c in COMMANDS if c.startswith('s')])
        self.assertEqual(self.complete('-s', '/some/path', 'mon'), ['monitor'])

    def test_options(self):
        self.assertEqual(self.complete('-'), OPTIONS)
        self.assertEqual(self.complete('peers', '--j'), ['--json'])

    def test_names_from_the_daemon(self):
        with Host(guest()) as host:
            for command in ('connect', 'disconnect', 'doctor', 'peers'):
                self.assertEqual(self.complete(command, '', host=host), ['database-server', 'g2'])
            self.assertEqual(self.complete('connect', 'd', host=host), ['database-server'])
            self.assertEqual(self.complete('connect', 'g2', '', host=host), [])
            self.assertEqual(self.complete('set', 'f', host=host), ['fifo-size'])
        with Host(dom0(), 'xendiscoverd') as host:
            self.assertEqual(self.complete('doctor', 'g1', '', host=host), ['g1', 'windows'])
            self.assertEqual(self.complete('peers', 'w', host=host), ['windows'])
            # The pairs of all guests would be much to ask for.
            self.assertNotIn(('peers',), host.requests)

    def test_names_that_a_shell_would_run(self):
        answers = guest()
        answers['peers']['peers'][0]['name'] = f'$(touch${{IFS}}{self.scratch.name}/ran)'
        with Host(answers) as host:
            self.assertEqual(self.complete('connect', '', host=host), ['database-server'])
        self.assertFalse(pathlib.Path(self.scratch.name, 'ran').exists())

    def test_without_a_daemon(self):
        self.assertEqual(self.complete('connect', ''), [])
        self.assertEqual(self.complete('completion', ''), ['bash', 'zsh'])
        self.assertEqual(self.complete('nonsense', ''), [])


class Zsh(Shell):
    """The functions of zsh's completion system are replaced by some that print what they are given."""
    SHELL = ('zsh', '-f')
    STUBS = '''
compdef() { }
compadd() { print -l -- ${(P)2} }
_describe() { print -l -- ${(P)2} }
'''

    def complete(self, state, line, host=None, words=''):
        return self.shell(f'{self.STUBS}_arguments() {{ if [[ $1 == -C ]]; then state={state}; line=({line}); '
                          f'return 1; fi; print -l -- "$@" }}\nsource {self.script}\n{words or "_xenloopctl"}', host=host)

    def test_is_found(self):
        self.assertEqual(self.script.read_text().splitlines()[0], '#compdef xenloopctl')

    def test_commands(self):
        offered = self.shell(f'{self.STUBS}_arguments() {{ state=command; return 1 }}\nsource {self.script}\n'
                             '_describe() { print -l -- ${${(P)2}%%:*} }\n_xenloopctl')
        self.assertEqual(offered, COMMANDS)

    def test_options(self):
        offered = self.shell(f'{self.STUBS}_arguments() {{ print -l -- $@; return 0 }}\nsource {self.script}\n'
                             '_xenloopctl')
        text = ' '.join(offered)
        self.assertEqual(re.findall(r'\)(--?[a-zA-Z]+)', text), OPTIONS)

    def test_arguments(self):
        for command, synopsis in zip(COMMANDS, help_section('commands')):
            offered = self.complete('argument', command)
            names = [word.split(':')[1] for word in offered if word.count(':') == 2]
            self.assertEqual(names, re.sub(r'[][]', '', synopsis).split()[1:], command)

    def test_names_from_the_daemon(self):
        with Host(guest()) as host:
            self.assertEqual(self.complete('', '', host, '_xenloopctl_peers'), ['database-server', 'g2'])
            self.assertEqual(self.complete('', '', host, '_xenloopctl_settings'),
                             ['fifo-size', 'interfaces', 'max-channels'])


del Shell       # else it is run, too

if __name__ == '__main__':
    unittest.main()
