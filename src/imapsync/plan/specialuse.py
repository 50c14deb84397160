"""What folders are for: RFC 6154 attributes, and well-known names where a server does not tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imapsync.plan.folders import Folder, Layout

#: RFC 6154 attribute -> names (lower case) by which clients in several languages know that folder.
WELL_KNOWN_NAMES: dict[str, tuple[str, ...]] = {
    "\\sent": (
        "sent", "sent messages", "sent items", "sent mail", "sent-mail", "gesendete objekte",
        "gesendete elemente",
        "gesendet", "envoyés", "éléments envoyés", "messages envoyés", "posta inviata", "inviata",
        "inviati",
        "elementi inviati", "enviados", "elementos enviados", "itens enviados", "verzonden items",
        "verzonden",
        "отправленные", "wysłane", "elementy wysłane", "送信済みメール",
    ),
    "\\drafts": (
        "drafts", "draft", "entwürfe", "brouillons", "bozze", "borradores", "rascunhos", "concepten",
        "черновики",
        "szkice", "kopie robocze", "下書き",
    ),
    "\\junk": (
        "junk", "spam", "junk e-mail", "junk email", "junk mail", "bulk mail", "junk-e-mail",
        "spamverdacht",
        "courrier indésirable", "indésirables", "pourriel", "posta indesiderata", "correo no deseado",
        "lixo eletrônico",
        "ongewenste e-mail", "спам", "迷惑メール",
    ),
    "\\trash": (
        "trash", "deleted items", "deleted messages", "deleted", "bin", "papierkorb", "gelöschte elemente",
        "gelöschte objekte", "corbeille", "éléments supprimés", "cestino", "posta eliminata",
        "elementi eliminati",
        "papelera", "elementos eliminados", "lixeira", "itens excluídos", "prullenbak", "verwijderde items",
        "корзина", "kosz", "ゴミ箱",
    ),
    "\\archive": ("archive", "archives", "archiv", "archivio", "archivo", "arquivo", "archief", "архив",
        "archiwum"),
    "\\all": ("all", "all mail", "alle nachrichten", "tous les messages", "tutti i messaggi", "todos"),
    "\\flagged": ("flagged", "starred", "markiert", "suivis", "speciali", "destacados"),
}  # fmt: skip


def special_use(folder: Folder) -> str:
    r"""Give the folder's announced special use as the RFC writes it, such as "\Sent", or ""."""
    for use in WELL_KNOWN_NAMES:
        if use in folder.attributes:
            return use[0] + use[1:].capitalize()
    return ""


def is_for_drafts(folder: Folder, layout: Layout) -> bool:
    r"""Tell whether a folder holds drafts, by its attribute or its name; not all of them carry \Draft."""
    use = "\\drafts"
    return use in folder.attributes or _base_name(folder.name, layout) in WELL_KNOWN_NAMES[use]


def is_bin(folder: Folder, layout: Layout) -> bool:
    r"""Tell whether a folder is Trash or Junk, by its attribute or its name: now and then people empty it."""
    base = _base_name(folder.name, layout)
    return any(use in folder.attributes or base in WELL_KNOWN_NAMES[use] for use in ("\\trash", "\\junk"))


def uses_of(folders: Iterable[Folder], layout: Layout) -> dict[str, str]:
    """Give special use -> folder name, one folder a use: by attribute first, then by well-known name.

    Names count only at the top of the personal namespace, or just below Gmail's "[Gmail]".
    """
    uses: dict[str, str] = {}
    by_name: dict[str, tuple[int, str]] = {}
    for folder in folders:
        if not folder.selectable or layout.is_foreign(folder.name):
            continue
        for use, names in WELL_KNOWN_NAMES.items():
            if use in folder.attributes:
                uses.setdefault(use, folder.name)
            else:
                base = _base_name(folder.name, layout)
                if base in names:
                    position = names.index(base)
                    if use not in by_name or position < by_name[use][0]:
                        by_name[use] = (position, folder.name)
    taken = set(uses.values())
    for use, (_, name) in by_name.items():
        if name not in taken:
            uses.setdefault(use, name)
    return uses


def _base_name(name: str, layout: Layout) -> str:
    lowered = name.lower()
    for prefix in (layout.prefix.lower(), "inbox" + layout.separator, "[gmail]/", "[google mail]/"):
        if prefix:
            lowered = lowered.removeprefix(prefix)
    return lowered
