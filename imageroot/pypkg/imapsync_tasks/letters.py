"""The mails of the notices: the same words as text and as HTML, in which whatever is named stays text."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from imapsync_tasks import rules
from imapsync_tasks.notices import FAILING, NO_SUCCESS, SIGN_IN, WAVE_DONE

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Items that a mail names; the others are counted.
MAX_NAMED: Final = 50


class Letter(NamedTuple):
    """A mail: its subject line, its text, and the same as a page that asks nobody for anything."""

    title: str
    text: str
    html: str


_TITLES: Final = {
    "en": {
        FAILING: "tasks fail again and again",
        NO_SUCCESS: "tasks without a successful run",
        SIGN_IN: "somebody has to sign in",
        WAVE_DONE: "a wave is complete",
    },
    "it": {
        FAILING: "attività che continuano a fallire",
        NO_SUCCESS: "attività senza un'esecuzione riuscita",
        SIGN_IN: "è necessario un accesso",
        WAVE_DONE: "un'ondata è completa",
    },
}
_REMEDIES: Final = {
    "en": {
        FAILING: "Their last two runs failed. The page Tasks tells of each what to do.",
        NO_SUCCESS: "Look at the page Tasks for the reason, and whether the service runs.",
        SIGN_IN: "Until somebody signs in at the page Sources, their tasks do not run.",
        WAVE_DONE: "Each of its mailboxes has all mail of the stage. The report is made by get-report.",
    },
    "it": {
        FAILING: "Le ultime due esecuzioni sono fallite. La pagina Attività dice per ognuna cosa fare.",
        NO_SUCCESS: "Cercare il motivo nella pagina Attività e verificare che il servizio sia attivo.",
        SIGN_IN: "Finché qualcuno non accede dalla pagina Sorgenti, le loro attività non partono.",
        WAVE_DONE: "Ogni casella ha tutta la posta della fase. Il rapporto si ottiene con get-report.",
    },
}
_WORDS: Final = {
    "en": {"more": "and {} more", "before": "{} told of before", "test": "test", "works": "Mail arrives."},
    "it": {"more": "e altre {}", "before": "{} già segnalate", "test": "prova", "works": "La posta arriva."},
}


def letter(subject: str, new: Sequence[str], known: int, *, module: str, language: str) -> Letter:
    """Give the mail about new items of a subject; `known`: how many were told of before and still stand."""
    words = _WORDS[language]
    further = [words["more"].format(len(new) - MAX_NAMED)] if len(new) > MAX_NAMED else []
    further += [f"({words['before'].format(known)})"] if known else []
    return _made(
        f"[{module}] {_TITLES[language][subject]} ({len(new)})",
        [rules.printable(item) for item in new[:MAX_NAMED]],
        further,
        _REMEDIES[language][subject],
        language,
    )


def test_letter(module: str, language: str) -> Letter:
    """Give the mail that shows that mail arrives."""
    words = _WORDS[language]
    return _made(f"[{module}] {words['test']}", [], [], words["works"], language)


def _made(title: str, items: Sequence[str], further: Sequence[str], remedy: str, language: str) -> Letter:
    from jinja2 import Environment, StrictUndefined

    items = [_whole(item) for item in items]
    named = [*(f"- {item}" for item in items), *further]
    text = "\n".join([*named, "", remedy] if named else [remedy]) + "\n"
    page = Path(__file__).with_name("letter.html.j2").read_text("utf-8")
    template = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True).from_string(page)
    return Letter(
        title,
        text,
        template.render(language=language, title=title, items=items, further=further, remedy=remedy),
    )


def _whole(text: str) -> str:
    # Lone surrogates stand for bytes of a file name that are no text.
    return re.sub("[\ud800-\udfff]", "?", text)
