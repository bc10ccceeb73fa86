# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Reads what measuring programs print.  Pure: text in, numbers out; ValueError for what is no measurement."""
import json
import re

PERCENTILES = ('P50_LATENCY', 'P90_LATENCY', 'P99_LATENCY')


def ping(text):
    """{'sent', 'received', 'ms'} from the summary of `ping -q`; ms is the mean round trip."""
    counts = re.search(r'(\d+) packets transmitted, (\d+) received', text)
    times = re.search(r'^rtt min/avg/max/mdev = [\d.]+/([\d.]+)/', text, re.M)
    if not counts or not times:
        raise ValueError(f'no answer to ping: {last_line(text)}')
    return {'sent': int(counts[1]), 'received': int(counts[2]), 'ms': float(times[1])}


def netperf(text):
    """The KEY=VALUE lines of `netperf -- -k`, values as numbers where they are."""
    values = dict(re.findall(r'^([A-Z0-9_]+)=(.*)$', text, re.M))
    if 'THROUGHPUT' not in values:
        raise ValueError(f'no result from netperf: {last_line(text)}')
    return {key: number(value) for key, value in values.items()}


def number(word):
    try:
        return float(word)
    except ValueError:
        return word


def percentiles(values):
    """The latency percentiles in microseconds among netperf's values; {} when it kept none (-1)."""
    found = {key[:3].lower(): values[key] for key in PERCENTILES if values.get(key, -1) > 0}
    return found if len(found) == len(PERCENTILES) else {}


def netpipe(text):
    """[(bytes, Mbit/s, microseconds one way)] from the file that NPtcp writes."""
    points = [tuple(map(float, line.split())) for line in text.splitlines() if re.fullmatch(r'\s*\d+\s+\S+\s+\S+\s*', line)]
    if not points:
        raise ValueError(f'no result from NetPIPE: {last_line(text)}')
    return [(int(size), rate, seconds * 1e6) for size, rate, seconds in points]


def cpu_seconds(text):
    """{domain: CPU seconds since its start} from `xl list`, whose last column that is."""
    lines = [line.split() for line in text.splitlines()]
    times = {words[0]: float(words[-1]) for words in lines if len(words) >= 6 and words[1].isdigit()}
    if 'Domain-0' not in times:
        raise ValueError(f'no domains from xl list: {last_line(text)}')
    return times


def channels(text):
    """{(peer, channel): counters} from `xenloopctl --json stats`."""
    return {(entry['name'], entry['channel']): entry['stats'] for entry in json.loads(text)['channels']}


def is_up(text, peer):
    """Whether `xenloopctl --json peers` shows a channel to the peer."""
    return any(entry['name'] == peer and entry['state'] == 'up' for entry in json.loads(text)['peers'])


def journal(text):
    """Entries of `journalctl -o json`, one object a line."""
    return [json.loads(line) for line in text.splitlines() if line.startswith('{')]


def last_line(text):
    lines = text.strip().splitlines()
    return lines[-1] if lines else 'no output'
