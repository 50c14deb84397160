"""A source: a remote server entered once, with the way to sign in to it. The table of its fields and kinds.

Tasks name a source in place of host, port, encryption, certificate rule and, but for one kind, password.
"""

# The annotations are the table: they must be values, not texts.

from collections.abc import Sequence
from typing import Annotated, Final, NamedTuple

from imapsync_tasks import rules
from imapsync_tasks.errors import Json, Refusal, RefusedError
from imapsync_tasks.rules import Rule


class Field(NamedTuple):
    """One field of a source."""

    rule: Rule
    meaning: str


class Kind(NamedTuple):
    """A way to sign in.

    needs: fields that must be there. secrets: those of which one has to be known before anybody signs in.
    signs_in: by a person (sign-in), once. provider: whose way it is, by the name in the engine's facts.
    defaults: what empty fields stand for; {tenant} is filled in.
    """

    needs: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    signs_in: bool = False
    provider: str = ""
    defaults: dict[str, str] = {}  # noqa: RUF012  # never changed


_MICROSOFT: Final = "https://login.microsoftonline.com/{tenant}/oauth2/v2.0"
_GOOGLE_TOKEN: Final = "https://oauth2.googleapis.com/token"  # noqa: S105  # an address
#: Where a browser is sent that no program listens for: its address is pasted back.
LOOPBACK: Final = "http://127.0.0.1/"

#: Word of `auth` -> the kind. Endpoints and scopes are those of the providers' own pages (Microsoft:
#: "Authenticate an IMAP, POP or SMTP connection using OAuth"; Google: "OAuth 2.0 for IMAP", whose
#: gmail.imap_admin shows all mail).
KINDS: Final[dict[str, Kind]] = {
    "password": Kind(),
    "master": Kind(("master_user",), ("master_password",)),
    "authorization": Kind(("master_user",), ("master_password",)),
    "microsoft_app": Kind(
        ("tenant", "client_id"),
        ("client_secret", "certificate_key"),
        provider="office365",
        defaults={
            "token_url": f"{_MICROSOFT}/token",
            "scope": "https://outlook.office365.com/.default",
        },
    ),
    "microsoft_device": Kind(
        ("tenant", "client_id"),
        signs_in=True,
        provider="office365",
        defaults={
            "token_url": f"{_MICROSOFT}/token",
            "device_url": f"{_MICROSOFT}/devicecode",
            "scope": "https://outlook.office.com/IMAP.AccessAsUser.All offline_access",
        },
    ),
    "google_service": Kind(
        (),
        ("service_account_key",),
        provider="gmail",
        defaults={
            "token_url": _GOOGLE_TOKEN,
            "scope": "https://www.googleapis.com/auth/gmail.imap_admin",
        },
    ),
    "google_code": Kind(
        ("client_id",),
        signs_in=True,
        provider="gmail",
        defaults={
            "authorize_url": "https://accounts.google.com/o/oauth2/auth?access_type=offline&prompt=consent",
            "token_url": _GOOGLE_TOKEN,
            "scope": "https://mail.google.com/",
            "redirect_url": LOOPBACK,
        },
    ),
    "oauth_code": Kind(
        ("client_id", "authorize_url", "token_url"), signs_in=True, defaults={"redirect_url": LOOPBACK}
    ),
    "oauth_client": Kind(("client_id", "token_url"), ("client_secret", "certificate_key")),
    "oauth_refresh": Kind(("client_id", "token_url"), ("refresh_token",)),
}

_LINE: Final = "[^\\x00-\\x1f\\x7f]"
_URL: Final = rules.Text("(?:https://[!-~]+)?", 1024)
_WORD: Final = rules.Text("[A-Za-z0-9._-]*", 255)
_SECRET_TEXT: Final = rules.Text("[^\\x00]*", 16384)

#: Secret member -> its rule and meaning. Never in an answer; NS8 masks members of these names.
SECRETS: Final[dict[str, tuple[Rule, str]]] = {
    "master_password": (rules.PASSWORD, "Password of master_user; empty keeps the stored one"),
    "client_secret": (
        rules.PASSWORD,
        "Secret of the registered application; empty keeps the stored one",
    ),
    "certificate_key": (
        _SECRET_TEXT,
        "In place of client_secret: certificate and private key in PEM form; empty keeps the stored one",
    ),
    "service_account_key": (
        _SECRET_TEXT,
        "Key file (JSON) of a Google service account; empty keeps the stored one",
    ),
    "refresh_token": (rules.PASSWORD, "With oauth_refresh: the refresh token; empty keeps the stored one"),
}


class Source(NamedTuple):
    """The settings of a source. Names and meanings are those of set-source's input."""

    source: Annotated[str, Field(rules.SOURCE, "Name of the source, as tasks give it")]
    auth: Annotated[
        str,
        Field(
            rules.Choice(tuple(KINDS)),
            "How to sign in. password: each task's own; master: <user>*<master_user>; authorization: as "
            "master_user in the user's name (PLAIN); the others by OAuth 2: microsoft_app and oauth_client "
            "with the application's secret or certificate, google_service with the key of a service account "
            "that may speak for all users, microsoft_device, google_code and oauth_code once by a person "
            "(sign-in), oauth_refresh with a refresh token",
        ),
    ]
    remotehostname: Annotated[str, Field(rules.HOST, "Host name or address of the IMAP server")]
    remoteport: Annotated[int, Field(rules.PORT, "TCP port of the IMAP server")]
    security: Annotated[str, Field(rules.SECURITY, "tls, ssl or empty, as for create-task")]
    tls_trust: Annotated[str, Field(rules.TRUST, "Accepted certificates, as for create-task")] = "tofu"
    max_connections: Annotated[
        int,
        Field(
            rules.Number(0, 1000),
            "Connections that all tasks of this source together may have at a time, two for each that "
            "runs; 0: no limit",
        ),
    ] = 0
    master_user: Annotated[
        str, Field(rules.Text(f"{_LINE}*", 255), "master, authorization: who logs in for the others")
    ] = ""
    tenant: Annotated[str, Field(_WORD, "Microsoft: domain or id of the tenant")] = ""
    client_id: Annotated[
        str, Field(rules.Text(f"{_LINE}*", 512), "OAuth: id of the registered application")
    ] = ""
    scope: Annotated[
        str, Field(rules.Text(f"{_LINE}*", 1024), "OAuth: what is asked for; empty: what mail needs there")
    ] = ""
    token_url: Annotated[str, Field(_URL, "OAuth: token endpoint; empty: the provider's")] = ""
    device_url: Annotated[str, Field(_URL, "Device code endpoint; empty: the provider's")] = ""
    authorize_url: Annotated[str, Field(_URL, "Address to sign in at; empty: the provider's")] = ""
    redirect_url: Annotated[
        str,
        Field(
            rules.Text("(?:https?://[!-~]+)?", 1024),
            "Where the browser is sent afterwards, as registered; its whole address is pasted back",
        ),
    ] = ""
    expires_on: Annotated[
        str,
        Field(
            rules.Text("(?:[0-9]{4}-[0-9]{2}-[0-9]{2})?", 10),
            "Last day of client_secret (YYYY-MM-DD), to be reminded of; that of a certificate is known",
        ),
    ] = ""

    @property
    def kind(self) -> Kind:
        """Give the way to sign in."""
        return KINDS[self.auth]

    @property
    def by_token(self) -> bool:
        """Whether logins take an access token."""
        return bool(self.kind.signs_in or self.setting("token_url"))

    def setting(self, name: str) -> str:
        """Give an endpoint or scope: what was set, else the provider's."""
        value = str(getattr(self, name))
        return value or self.kind.defaults.get(name, "").replace("{tenant}", self.tenant)


#: name -> its row, in the order of the attributes.
FIELDS: Final[dict[str, Field]] = {
    name: note
    for name, hint in Source.__annotations__.items()
    for note in getattr(hint, "__metadata__", ())
    if isinstance(note, Field)
}
#: Where a secret is sent and as whom: when one of these changes, the stored secrets do not go along.
_BOUND: Final = ("auth", "remotehostname", "remoteport", "tenant", "client_id", "token_url", "master_user")
#: From the rule that takes any server for the right one to the one that only an authority can satisfy.
_TRUST: Final = ("any", "tofu", "sha256", "ca")


def way_to_begin(provider: str, sign_in: Sequence[str], *, personal: bool) -> str:
    """Give the word of `auth` that a new source of a provider begins with.

    sign_in: what the server takes, of "oauth2", "app-password", "password". personal: accounts of single
    persons, for whom nobody else can sign in.
    """
    for word, kind in KINDS.items():
        if provider and kind.provider == provider and kind.signs_in == personal:
            return word
    return "oauth_code" if set(sign_in) == {"oauth2"} else "password"


def from_request(request: Json) -> Source:
    """Make a source of set-source's input. Refused with every field that is wrong or missing."""
    values: Json = {}
    refused: list[Refusal] = []
    for name, field in FIELDS.items():
        try:
            values[name] = field.rule.of(request, name, Source._field_defaults.get(name))
        except RefusedError as error:
            refused += error.refusals
    if refused:
        raise RefusedError(*refused)
    made = Source(**values)  # type: ignore[arg-type]  # each rule gives its field's type
    missing = [name for name in made.kind.needs if not getattr(made, name)]
    if missing:
        raise RefusedError(*(Refusal("value_required", name) for name in missing))
    return made


def secrets_of(request: Json) -> dict[str, str]:
    """Give the secrets that a request brings, empty ones left out. RefusedError."""
    given = {name: rule.of(request, name, "") for name, (rule, _) in SECRETS.items()}  # type: ignore[arg-type]
    return {name: str(value) for name, value in given.items() if value}


def keeps_secrets(old: Source, new: Source) -> bool:
    """Tell whether stored secrets may be used with the new settings: the same places, protected no worse."""
    same = all(getattr(old, name) == getattr(new, name) for name in _BOUND)
    return same and _strength(new) >= _strength(old)


def place(source: Source) -> Json:
    """Give where the secrets of a source go, and how they are protected, to be written down beside them."""
    return {name: getattr(source, name) for name in (*_BOUND, "security", "tls_trust")}


def is_of(known: object, source: Source) -> bool:
    """Tell whether what was got for a `place` may be used with a source."""
    if not isinstance(known, dict) or known.keys() != place(source).keys():
        return False
    try:
        return keeps_secrets(source._replace(**known), source)
    except (ValueError, AttributeError):  # no rule about certificates
        return False


def is_strongest(source: Source) -> bool:
    """Tell whether no settings protect a login better: they are not weaker than any before."""
    return _strength(source) == len(_TRUST)


def _strength(source: Source) -> int:
    return 1 + _TRUST.index(source.tls_trust.partition(":")[0]) if source.security else 0
