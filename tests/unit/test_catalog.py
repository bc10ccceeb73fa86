#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Each journal event has a MESSAGE_ID, a text for `journalctl -x`, and its place in the daemon's man page."""
import pathlib
import re
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
CATALOG = ROOT / 'systemd/xenloop.catalog'
LISTED = ROOT / 'tests/unit/golden/message-ids'
SOURCES = {daemon: '\n'.join(path.read_text() for path in sorted((ROOT / daemon).glob('*.[ch]')))
           for daemon in ('xenloopd', 'xendiscoverd', 'proto')}
ID = re.compile(r'"([0-9a-f]{32})"')
FIELD = re.compile(r'"(XENLOOP_[A-Z_]+)"')


def entries():
    """The catalog's entries: id, header and text."""
    parts = re.split(r'^-- ([0-9a-f]{32})$', CATALOG.read_text(), flags=re.M)[1:]
    for number, text in zip(parts[::2], parts[1::2]):
        head, _, body = text.strip('\n').partition('\n\n')
        yield number, dict(line.split(': ', 1) for line in head.splitlines()), body


def journalctl(root, *arguments):
    return subprocess.run(['journalctl', f'--root={root}', *arguments], check=True, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout


def event_ids():
    """(daemon, event): MESSAGE_ID, as the sources have them, one beside the other or in the call that begins the event."""
    found = {}
    for daemon, source in SOURCES.items():
        defined = dict(re.findall(r'#define (ID_[A-Z]+) "([0-9a-f]{32})"', source))
        for name, number in re.findall(r'"([a-z-]+)",?\s*"([0-9a-f]{32})"', source):
            found[daemon, name] = number
        for call in re.findall(r'xenloop_log_event_init\((.*?)\);', source, re.S):
            for name, number in zip(re.findall(r'"([a-z-]+)"', call)[1:], re.findall(r'ID_[A-Z]+', call)):
                found[daemon, name] = defined[number]
    return found


def man_words(daemon):
    text = re.sub(r'^\.[A-Z]+ ?', '', (ROOT / f'docs/man/{daemon}.8').read_text(), flags=re.M)
    return set(re.findall(r'[\w-]+', text.replace('\\-', '-')))


class Catalog(unittest.TestCase):
    def test_same_ids_as_in_the_code(self):
        in_code = [number for source in SOURCES.values() for number in ID.findall(source)]
        in_catalog = [number for number, _, _ in entries()]
        self.assertEqual(sorted(in_catalog), sorted(in_code))
        self.assertEqual(len(set(in_code)), len(in_code), 'an id twice')

    def test_ids_are_what_they_always_were(self):
        """Somebody's script goes by them: a line of the list never changes and never goes, new events add theirs."""
        listed = [line.split() for line in LISTED.read_text().splitlines()]
        self.assertEqual(event_ids(), {(daemon, name): number for daemon, name, number in listed})
        self.assertEqual(len({number for _, _, number in listed}), len(listed))

    def test_headers(self):
        for number, head, body in entries():
            with self.subTest(number):
                self.assertEqual(set(head), {'Subject', 'Defined-By', 'Documentation'})
                self.assertEqual(head['Defined-By'], 'XenLoop')
                for page in head['Documentation'].split():
                    name, section = re.fullmatch(r'man:([\w.-]+)\((\d)\)', page).groups()
                    self.assertTrue((ROOT / f'docs/man/{name}.{section}').exists(), page)
                self.assertGreater(len(body), 100)

    def test_fields_are_those_of_the_daemon(self):
        for number, head, body in entries():
            daemon = [name for name, source in SOURCES.items() if number in source][0]
            used = set(re.findall(r'@(\w+)@', head['Subject'] + body))
            self.assertLessEqual(used, set(FIELD.findall(SOURCES[daemon])), number)

    def test_journalctl_takes_it(self):
        with tempfile.TemporaryDirectory() as root:
            directory = pathlib.Path(root, 'usr/lib/systemd/catalog')
            directory.mkdir(parents=True)
            (directory / CATALOG.name).write_text(CATALOG.read_text())
            self.assertEqual(journalctl(root, '--update-catalog'), '')
            listed = journalctl(root, '--list-catalog')
        for number, head, _ in entries():
            self.assertIn(f'{number} XenLoop: {head["Subject"]}\n', listed)


def events(source):
    """Names of events: beside their id, or after the subsystem in the call that begins one."""
    names = set(re.findall(r'"([a-z-]+)",?\s*"[0-9a-f]{32}"', source))
    for call in re.findall(r'xenloop_log_event_init\((.*?)\);', source, re.S):
        names |= set(re.findall(r'"([a-z-]+)"', call)[1:])
    return names


class ManPages(unittest.TestCase):
    def test_events_and_fields_are_described(self):
        for daemon in ('xenloopd', 'xendiscoverd'):
            words = man_words(daemon)
            self.assertGreater(len(events(SOURCES[daemon])), 5)
            self.assertEqual(events(SOURCES[daemon]) - words, set(), daemon)
            self.assertEqual(set(FIELD.findall(SOURCES[daemon])) - words, set(), daemon)


if __name__ == '__main__':
    unittest.main()
