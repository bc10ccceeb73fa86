# SPDX-License-Identifier: GPL-2.0 OR MIT
"""What man pages say, for tests that compare it with programs."""
import pathlib
import re

PAGES = pathlib.Path(__file__).resolve().parents[2] / 'docs/man'


def man_section(name, page='xenloopctl.8'):
    """The headings of the paragraphs of a section of a man page, without markup."""
    body = re.search(rf'^\.SH {name}\n(.*?)^\.SH ', (PAGES / page).read_text(), re.M | re.S).group(1)
    return [plain(line) for line in re.findall(r'^\.TP\n(.*)$', body, re.M)]


def plain(line):
    """A roff line as it is read: macros of alternating fonts put their arguments together."""
    macro, _, rest = line.partition(' ')
    words = [quoted or word for quoted, word in re.findall(r'"([^"]*)"|(\S+)', rest)]
    text = (' ' if macro in ('.B', '.I') else '').join(words)
    return re.sub(r'\\f[BIPR]', '', text).replace('\\-', '-')
