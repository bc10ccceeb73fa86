# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Whether a run is good enough to be the latest that docs/bench keeps."""
from paths import CHECKOUT
from quiet import TOLERATED

DIRECTORY = CHECKOUT / 'docs' / 'bench'
DISTURBED = 0.1  # of the samples, at most


def obstacles(rows, names, rounds):
    """What speaks against publishing these rows, a line each: those of `names` are wanted, with so many samples."""
    missing = [name for name in names if name not in {row['name'] for row in rows}]
    return ([f'{name} was not measured' for name in missing] +
            [f'{row["name"]} has {row["runs"]} of {rounds} rounds' for row in rows if row['runs'] < rounds] +
            [line for row in rows for line in row.get('errors', [])] +
            company(rows))


def company(rows):
    shares = [share for row in rows for by_way in row['others'].values() for share in by_way]
    disturbed = sum(share > TOLERATED for share in shares)
    return [f'{disturbed} of {len(shares)} samples were disturbed'] if disturbed > DISTURBED * len(shares) else []


def publish(write, document, against, say):
    """Writes the report unless something speaks against it; returns how much does."""
    for line in against:
        say(f'not published: {line}')
    if not against:
        write(document, DIRECTORY)
        say(f'published in {DIRECTORY.relative_to(CHECKOUT)}')
    return len(against)
