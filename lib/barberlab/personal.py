"""Does a text hold a person's address, number or a key? One set of patterns for ingest, runs and their messages.

A gate that cries wolf is switched off, so money, dates, hashes, counts and ids must pass: a bare run of digits is not
taken for a telephone number unless a `+` or a label stands before it. `mask` is for messages and is keener than
`find_personal`: it also hides long bare numbers, since a message loses little by it. Names cannot be found by pattern;
they stay out because ingest never lets them in.
"""

import re
from collections.abc import Iterator

_SPACE = " \u00a0\u2007\u2009\u202f"
_HYPHEN = "\\-\u2010\u2011"
_ANY = f"[{_SPACE}{_HYPHEN}./]"
# No digit, word or number right before or after, or it is a part of something longer: a hash, an id, a row of numbers.
_START = rf"(?<![\w.+＋{_HYPHEN}/])(?<!\d[{_SPACE}])"
_END = rf"(?![\w＋+])(?!{_ANY}\d)"

_EMAIL = r"(?<![\w.+-])[\w.+%-][\w.+'%-]{0,63}@(?:[\w-]{1,63}\.)+(?!(?:png|svg|gif|webp|jpe?g)\b)[^\W\d_]{2,24}\b"
_SECRETS = (
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    r"\b(?:sk|pk|rk)_(?:live|test)_\w{8,}",
    r"\bsk-[\w-]{16,}",
    r"\bwhsec_[\w+/]{8,}",
    r"\bgh[pousr]_\w{16,}|\bgithub_pat_\w{16,}|\bglpat-[\w-]{16,}",
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    r"\bAIza[\w-]{30,}",
    r"\bxox[abprs]-[\w-]{10,}",
    r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]*",
)
# Between two digits of one number: "-", " ", " / ", and the area code's brackets with their optional trunk zero.
_WIDE = f"[{_SPACE}][{_HYPHEN}/][{_SPACE}]"
_BRACKET = rf"[{_SPACE}]?\((?:0\))?|\)[{_SPACE}{_HYPHEN}]?"
_INTERNATIONAL = rf"(?<![\w.+＋])[+＋] ?[1-9](?:(?:{_ANY}|{_WIDE}|{_BRACKET})?\d){{7,14}}{_END}"
_NATIONAL = (
    # 00 and a country: an id padded with zeros has no spaces in it.
    rf"{_START}00[{_SPACE}]?[1-9]\d{{0,2}}(?:[{_SPACE}]|{_ANY}(?=\d+{_ANY}))\(?\d(?:{_ANY}?\d){{7,12}}{_END}",
    rf"{_START}0[1-9](?P<gap>{_ANY})\d\d(?:(?P=gap)\d\d){{3}}{_END}",
    # Three digits behind "69," or "69'" are the rest of a number.
    rf"{_START}(?:(?<!\d[,'’])0[1-9]\d|0[1-9]\d{{2,4}})(?:{_WIDE}|[{_SPACE}{_HYPHEN}/])\d{{3,8}}"
    rf"(?:[{_SPACE}{_HYPHEN}]\d{{2,5}})?{_END}",
    rf"{_START}\(0[1-9]\d{{0,4}}\)[{_SPACE}]?\d{{3,8}}(?:[{_SPACE}{_HYPHEN}]\d{{2,5}})?{_END}",
    rf"{_START}(?:1[{_SPACE}{_HYPHEN}.])?\(\d{{3}}\)[{_SPACE}]?\d{{3}}{_ANY}\d{{4}}{_END}",
    rf"{_START}(?:1[{_HYPHEN}.])?[2-9]\d\d(?P<dash>[{_HYPHEN}.])\d{{3}}(?P=dash)\d{{4}}{_END}",
    rf"{_START}[2-9]\d\d[{_SPACE}](?:[2-9]\d\d[{_SPACE}]|\d{{3}}[{_HYPHEN}])\d{{4}}{_END}",
)
_LABELLED = (
    r"(?i:\b(?:tel|telephone|phone|mobile|fax|whatsapp|telefon|handy)(?:[ ]?(?:no|nr|number))?[.:=#\"']{1,3}[ ]?[\"']?)"
    rf"[+(]?\d(?:[{_SPACE}{_HYPHEN}./()]{{0,2}}\d){{6,14}}{_END}"
)
_KINDS = {
    "e-mail address": re.compile(_EMAIL),
    "telephone number": re.compile("|".join((_INTERNATIONAL, _LABELLED, *_NATIONAL))),
    "secret key": re.compile("|".join(_SECRETS)),
}
_BARE_NUMBER = re.compile(r"(?<![\w.,])[+＋]?\d{10,15}(?![\w.,]?\d)(?!\w)")

_DATE = re.compile(r"\d{4}[-./]\d\d[-./]\d\d|\b\d{1,2}[-./]\d{1,2}[-./](?:19|20)\d\d")
_DECIMAL = re.compile(r"[+＋]?\d+\.\d{1,2}")
_THOUSANDS = re.compile(rf"[+＋]\d{{1,3}}(?:[{_SPACE}.]\d{{3}}){{1,2}}")
_BARE = re.compile(r"[+＋]\d{1,9}")


def find_personal(text: str) -> list[str]:
    """The kinds of personal data or secrets in `text`, each once; never the text found itself."""
    return [kind for kind in _KINDS if next(_matches(kind, text), None)]


def mask(text: str) -> str:
    """`text` with whatever could be a person's address, number or key replaced by its kind in brackets."""
    for kind in _KINDS:
        for match in reversed(list(_matches(kind, text))):
            text = f"{text[: match.start()]}[{kind}]{text[match.end() :]}"
    return _BARE_NUMBER.sub("[number]", text)


def _matches(kind: str, text: str) -> Iterator[re.Match]:
    found = _KINDS[kind].finditer(text)
    return (match for match in found if not _reads_as_number(match[0])) if kind == "telephone number" else found


def _reads_as_number(text: str) -> bool:
    # What has a telephone number's digits and is a date, a signed change or a row of signed decimals.
    if _DATE.search(text) or _THOUSANDS.fullmatch(text) or _BARE.fullmatch(text):
        return True
    return any(_DECIMAL.fullmatch(part) for part in text.split())
