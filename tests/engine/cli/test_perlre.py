"""Perl-style expressions do what Perl makes of them; where Perl is installed, by comparison with it."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imapsync.cli.perlre import (
    PatternError,
    PatternTimeout,
    bounded,
    expression_matcher,
    folder_matcher,
    message_matcher,
    operations,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PERL = shutil.which("perl")

#: (expression, text before, text after)
CHANGES = [
    ("s/a/b/", "banana", "bbnana"),
    ("s/a/b/g", "banana", "bbnbnb"),
    ("s/A/b/gi", "banana", "bbnbnb"),
    ("s{a}{b}g", "banana", "bbnbnb"),
    ("s(a)<b>g", "banana", "bbnbnb"),
    ("s{a} {b}", "banana", "bbnana"),
    ("s#a#b#", "banana", "bbnana"),
    ("s,a,b,", "banana", "bbnana"),
    ("s|a|b|", "banana", "bbnana"),
    ("s!a!b!", "banana", "bbnana"),
    ("s'a'$1'", "banana", "b$1nana"),
    ("s/(.)(.)/$2$1/", "ab", "ba"),
    ("s/(.)(.)/\\2\\1/", "ab", "ba"),
    ("s/(.)/${1}1/", "a", "a1"),
    ("s/(x)?b/[$1]/", "b", "[]"),
    ("s/(b)/${1}[x]/", "b", "b[x]"),
    ("s/b/[$3]/", "b", "[]"),
    ("s/b+/<$&>/", "abba", "a<bb>a"),
    ("s/(?<y>\\d+)/$+{y}!/", "in 2020", "in 2020!"),
    ("s/(?<y>a)\\k<y>/=/", "xaay", "x=y"),
    ("s/(a)\\g{-1}/=/", "xaay", "x=y"),
    ("s/(a)\\g1/=/", "xaay", "x=y"),
    ("s/(\\w+)/\\U$1/", "foo bar", "FOO bar"),
    ("s/(\\w+)/\\u$1/g", "foo bar", "Foo Bar"),
    ("s/(\\w+)/\\L$1\\E!/", "FOO", "foo!"),
    ("s/(\\w+)/\\u\\L$1/", "fOO", "Foo"),
    ("s/(\\w+)/\\L\\u$1/", "fOO", "Foo"),
    ("s/(\\w)(\\w)/\\l$1\\U$2\\E/", "Ab", "aB"),
    ("s/(.+)/\\Q$1\\E/", "a.b", "a\\.b"),
    ("s/\\Qa.b\\E/x/", "a.b axb", "x axb"),
    ("s/^INBOX(.*)$/Archive$1/", "INBOX.Sent", "Archive.Sent"),
    ("s/a$/x/", "a\n", "x\n"),
    ("s/a\\z/x/", "a\n", "a\n"),
    ("s/a\\Z/x/", "a\n", "x\n"),
    ("s/^b/x/m", "a\nb", "a\nx"),
    ("s/a.b/x/s", "a\nb", "x"),
    ("s/a.b/x/", "a\nb", "a\nb"),
    ("s/ a   # comment )\n b/X/x", "ab", "X"),
    ("s/a\\ b[ ]c/X/x", "a b c", "X"),
    ("s/[[:digit:]]+/N/g", "a12b3", "aNbN"),
    ("s/[[:^digit:]]+/N/g", "a12b3", "N12N3"),
    ("s/[]a]/x/g", "]a[", "xx["),
    ("s/[^]a]/x/g", "]a[", "]ax"),
    ("s/[a\\]]/x/g", "]a[", "xx["),
    ("s/[a-c-e]/x/g", "abc-de", "xxxxdx"),
    ("s/[-a]/x/g", "a-b", "xxb"),
    ("s/[a&&b]/x/g", "a&b|", "xxx|"),
    ("s/[[]/x/", "[", "x"),
    ("s/[.]/x/", "a.b", "axb"),
    ("s/[\\w.]+/x/", "a.b c", "x c"),
    ("s/[\\x41-\\x43]/x/g", "ABCD", "xxxD"),
    ("s/\\x{41}/x/", "A", "x"),
    ("s/\\x41/x/", "A", "x"),
    ("s/\\101/x/", "A", "x"),
    ("s/\\o{101}/x/", "A", "x"),
    ("s/\\t/ /", "a\tb", "a b"),
    ("s/ /\\t/", "a b", "a\tb"),
    ("s/ /\\x2f/", "a b", "a/b"),
    ("s/a\\/b/x/", "a/b", "x"),
    ("s{a/b}{x/y}", "a/b", "x/y"),
    ("s{a{2}}{x}", "aab", "xb"),
    ("s/a{2,}/x/", "aaab", "xb"),
    ("s/a{x}/y/", "a{x}", "y"),
    ("s/\\h+/_/g", "a \t b", "a_b"),
    ("s/\\R/|/g", "a\r\nb\nc", "a|b|c"),
    ("s/\\N+/x/", "ab\ncd", "x\ncd"),
    ("s/(?i)foo|bar/x/g", "FOO BAR foo", "x x x"),
    ("s/a(?i)b|c/x/g", "aB C AB", "x x AB"),
    ("s/a(?i:b)c/x/", "aBc", "x"),
    ("s/(?^:a)/x/i", "Aa", "Ax"),
    ("s/(?:a|b)+/x/", "abab", "x"),
    ("s/(?=b)/-/", "ab", "a-b"),
    ("s/(?<=a)b/x/", "ab", "ax"),
    ("s/(?<!a)b/x/", "abb", "abx"),
    ("s/(?>a+)b/x/", "aab", "x"),
    ("s/a++b/x/", "aab", "x"),
    ("s/a*?b/x/", "aab", "x"),
    ("s/(a)?b(?(1)c|d)/x/g", "abc bd bc", "x x bc"),
    ("s/x*/-/g", "abxd", "-a-b--d-"),
    ("s/a(?#comment)b/x/", "ab", "x"),
    ("s/\\$/x/", "a$", "ax"),
    ("s/a|$/x/g", "ba", "bxx"),
    ("s/(a$)/x/", "ba", "bx"),
    ("s/\\@/ at /", "a@b", "a at b"),
    ("s/a/\\$1/", "a", "$1"),
    ("s/a/\\\\/", "a", "\\"),
    ("s/\\cA/x/", "\x01", "x"),
    ("s/\\e/x/", "\x1b", "x"),
    ("s/a//", "ab", "b"),
    ("s/a/b/; s/b/c/g", "aab", "cac"),
    ("  s/a/b/  ;", "a", "b"),
    ("tr/a-z/A-Z/", "abc", "ABC"),
    ("y/abc/xyz/", "aabbcc", "xxyyzz"),
    ("tr/a-c//d", "abcd", "d"),
    ("tr/a-z//cd", "a1-b", "ab"),
    ("tr/a-z//s", "aabbc", "abc"),
    ("tr/a/b/s", "aab", "bb"),
    ("tr/ab/x/", "aabb", "xxxx"),
    ("tr/ab/x/d", "aabb", "xx"),
    ("tr/a-z/_/c", "a1b2", "a_b_"),
    ("tr/a-z/_/cs", "a11b22", "a_b_"),
    ("tr#/#.#", "a/b", "a.b"),
    ("tr{/}{.}", "a/b", "a.b"),
    ("tr/\\/\\\\/|!/", "/\\", "|!"),
    ("tr/a\\-z/123/", "a-z", "123"),
    ("tr/\\x41\\n/a /", "A\nB", "a B"),
    ("tr/a-zA-Z//cds", "aa  bb", "aabb"),
    ('s/"Junk"//g', '"Junk" \\Seen', " \\Seen"),
    ("s/\\\\Flagged//g", "\\Seen \\Flagged", "\\Seen "),
    ("s/\\000/ /g", "a\0b", "a b"),
    (
        "s{\\A((?:[^\\n]+\\n)+|)^Return-Receipt-To:[^\\n]*\\n(^\\n|.+\\n)}{$1$2}gxms",
        "A: b\nReturn-Receipt-To: x\nC: d\n\nbody",
        "A: b\nC: d\n\nbody",
    ),
    (
        "s/.*?(?:(\\\\(?:Answered|Flagged|Deleted|Seen|Draft)\\s?)|$)/defined($1)?$1:q()/eg",
        "\\Seen Foo \\Draft $Bar",
        "\\Seen \\Draft ",
    ),
    ("s/(.*)/lc($1)/e", "SENT", "sent"),
    ("s/a/b/ # one thing\n; s/b/c/g; # s/c/d/", "ab", "cc"),
    ("s{(\\w+)$}{ ucfirst( lc( $1 ) ) }xe", "OLD SENT", "OLD Sent"),
    ("s/(b)|(c)/defined $2 ? uc($2) . '-' : \"<$1>\"/ge", "abc", "a<b>C-"),
    ("s/(b)(x)?/uc(lcfirst($1.$2)).q{\\\\}.$&/e", "ab", "aB\\b"),
    ("s/(?<n>b)/qq($+{n}\\t).${1}.(q[x])/e", "ab", "ab\tbx"),
    ("s'b'uc($&)'e", "ab", "aB"),
    ("s,(.{5}),$1\\r\\n,g", "aaaaabbbbbc", "aaaaa\r\nbbbbb\r\nc"),
]


@pytest.mark.parametrize(("expression", "before", "after"), CHANGES)
def test_text_and_bytes_change_alike(expression: str, before: str, after: str) -> None:
    assert operations(expression).on_text()(before) == after
    assert operations(expression).on_bytes()(before.encode()) == after.encode()


@pytest.fixture(scope="module")
def perl() -> Iterator[Callable[[str, str], bytes | None]]:
    """Give what Perl makes of (expression, text); None where it refuses."""
    if PERL is None:
        pytest.skip("compares with Perl itself: install perl to enable")
    script = (
        "$| = 1; $SIG{__WARN__} = sub {}; while (my $l = <STDIN>) { chomp $l; my ($e, "
        "$t) = split / /, $l, -1;"
        "$e = pack 'H*', $e; $_ = pack 'H*', $t; eval \"$e; 1\" ? print unpack('H*', $_), qq{\\n}"
        " : print qq{ERR\\n} }"
    )
    with subprocess.Popen(
        [PERL, "-e", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        def ask(expression: str, text: str) -> bytes | None:
            stdin.write(f"{expression.encode().hex()} {text.encode().hex()}\n")
            stdin.flush()
            answer = stdout.readline().strip()
            return None if answer == "ERR" else bytes.fromhex(answer)

        yield ask
        stdin.close()


def test_perl_agrees_with_the_table(perl: Callable[[str, str], bytes | None]) -> None:
    for expression, before, after in CHANGES:
        assert perl(expression, before) == after.encode(), (expression, before)


ATOMS = st.sampled_from(
    ["a", "b", ".", "\\w", "\\d", "\\s", "[ab]", "[^a]", "(a)", "(?:b|a)", "(b|)", "^", "(?:$|a)", "\\b",
    "\\.", "1",
     "[[:alpha:]]", "\\x62", "(?i)", "(?i:A)", "\\z", "\\Z", "\\A", "\\n", "[a-]", "[]b]", " ", "\\h",
     "(?=b)"]
)  # fmt: skip
QUANTIFIERS = st.sampled_from(["", "", "", "*", "+", "?", "{2}", "{1,2}", "*?", "++"])
PATTERNS = st.lists(st.tuples(ATOMS, QUANTIFIERS), min_size=1, max_size=5).map(
    lambda parts: "".join(atom + (quantifier if atom != "^" else "") for atom, quantifier in parts)
)
#: Perl itself is not consistent about case switches that follow each other without text between.
REPLACEMENTS = st.lists(
    st.sampled_from(["x", "$1", "\\1", "$&", "\\Ux\\E", "\\u$1", "\\L$1-\\E", "\\n", "-", "${1}"]), max_size=4
).map("".join)
TEXTS = st.text("aAbB1. \n", max_size=8)
FLAGS = st.sampled_from(["", "g", "i", "gi", "gm", "s", "gx"])


@settings(max_examples=600, deadline=None)
@given(PATTERNS, REPLACEMENTS, FLAGS, TEXTS)
def test_perl_agrees_with_generated_expressions(
    perl: Callable[[str, str], bytes | None], pattern: str, replacement: str, flags: str, text: str
) -> None:
    expression = f"s/{pattern}/{replacement}/{flags}"
    try:
        ours = operations(expression).on_bytes()(text.encode())
    except PatternError:
        return  # to refuse is always allowed
    theirs = perl(expression, text)
    assert theirs is None or ours == theirs


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("s/a/b/e", "'e' would run Perl code"),
        ("s/a/b/ee", "'e' would run Perl code"),
        ("s/a/system('x')/e", "'system' is not of the little"),
        ("s/(a)/lc($1/e", "'its end' is not of the little"),
        ("s/(a)/lc $1/e", "'$' is not of the little"),
        ("s/(a)/$1 x 3/e", "'x' is not of the little"),
        ("s/(a)/$h{1}/e", "'$' is not of the little"),
        ("s/(a)/$1 ? 1 : 2/e", "'?' is not of the little"),
        ('s/(a)/"@{[system 1]}".$x/e', "'$' is not of the little"),
        ('s/(a)/"$x"/e', "Perl variable"),
        ("s/(a)/$+{n}/e", "no group named"),
        ("s/(a)/" + "(" * 60 + "$1" + ")" * 60 + "/e", "too deep"),
        ("s/a/$`/", "Perl variable"),
        ("s/a/$'/", "Perl variable"),
        ("s/a/US$,/", "Perl variable"),
        ("s/a/b/r", "'r'"),
        ("s/a/b/z", "'z'"),
        ("s/(?{ system 'x' })/b/", "Perl code inside a pattern is never run"),
        ("s/(??{ 1 })/b/", "Perl code"),
        ("s/(?R)/b/", "recursion"),
        ("s/(?|a)/b/", "branch reset"),
        ("s/(*FAIL)/b/", "verbs"),
        ("s/a\\Kb/c/", "\\K"),
        ("s/\\p{L}/c/", "\\p"),
        ("s/$ENV{PATH}/x/", "Perl variable"),
        ("s/a/$ENV{PATH}/", "Perl variable"),
        ("s/a/${x}/", "Perl variable"),
        ("s/(a)/$1[x]/", "write '${1}'"),
        ("s/(a)/$1{x}/", "write '${1}'"),
        ("s/(/x/", "never closed"),
        ("s/)/x/", "has no '('"),
        ("s/[a/x/", "']'"),
        ("s/*/x/", "not right"),
        ("s/a/b/; s//x/", "empty"),
        ("s/a", "closing '/'"),
        ("s{a}", "second part"),
        ("s{a}{b", "closing '}'"),
        ("s", "missing"),
        ("sabac", "missing"),
        ("", "empty"),
        ("system('x')", "s/this/that/"),
        ("$_ = 'x'", "s/this/that/"),
        ("s/a/b/; system('x')", "missing"),
        ("s/a/b/ && system('x')", "not understood"),
        ("m/a/", "change something"),
        ("/a/", "change something"),
        ("tr/a-z/A-Z/r", "'r'"),
        ("tr/z-a/x/", "backwards"),
        ("s/\\1(a)/x/", "no group"),
        ("s/(a)/$+{n}/", "no group named"),
        ("s/a/" + "b" * 30_000 + "/", "longer than"),
        ("s/a\\y/b/", "'\\y'"),
    ],
)
def test_what_is_not_understood_is_refused_with_a_reason(expression: str, words: str) -> None:
    with pytest.raises(PatternError) as caught:
        operations(expression).on_text()
    assert words in str(caught.value)


@given(st.text("s/m{}()[]\\$@^*+?|.-,a1 trgixe;:<>#", max_size=14))
def test_any_text_is_an_operation_or_a_sentence(text: str) -> None:
    for use in (lambda: operations(text).on_text()("abc"), lambda: operations(text).on_bytes()(b"abc")):
        with contextlib.suppress(PatternError):
            use()


def test_bytes_patterns_see_utf8() -> None:
    assert operations("s/é/e/").on_bytes()("café".encode()) == b"cafe"
    assert operations("s/\\x{e9}/e/").on_bytes()(b"caf\xe9") == b"cafe"
    assert operations("s/\\x{263a}/:-)/").on_bytes()("\u263a".encode()) == b":-)"
    assert operations("s/a/é/").on_bytes()(b"a") == "é".encode()
    assert operations("tr/\\x80-\\xff/?/").on_bytes()("é".encode()) == b"??"


def test_the_documented_skipmess_example() -> None:
    matches = message_matcher("m/[\\x80-\\xff]/")
    assert not matches(b"plain")
    assert matches("é".encode())


@pytest.mark.parametrize(
    "text", ["/^Junk$|^INBOX.Junk$/", "m{^Junk$}", "qr/^Junk$/", "^Junk$", "/^junk$/i", "m'^Junk$'"]
)
def test_expressions_for_folders_to_delete(text: str) -> None:
    matches = expression_matcher(text)
    assert matches("Junk")
    assert not matches("Junk2")


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("fold1|fold2|f3", ["fold1", "a/f3"], ["fold4"]),
        (
            "^Shared(/.*)?$|^Public(/.*)?$",
            ["Shared", "Shared/a", "Public/b"],
            ["Share", "My/Shared", "Publicity"],
        ),
        ("/Drafts/", ["a/Drafts/b"], ["Drafts"]),
        ("/^Drafts$/", ["Drafts"], ["a/Drafts/b"]),
        ("/Drafts$/i", ["my drafts"], ["drafts/a"]),
        ("m/x", ["team/x"], ["tea/x"]),
        ("(?i)^trash$", ["TRASH"], ["Trash2"]),
        ("\\[Gmail\\]$", ["[Gmail]"], ["[Gmail]/All Mail"]),
    ],
)
def test_include_and_exclude_take_bare_patterns(pattern: str, yes: list[str], no: list[str]) -> None:
    matches = folder_matcher(pattern)
    assert [name for name in yes if not matches(name)] == []
    assert [name for name in no if matches(name)] == []


@pytest.mark.parametrize("text", ["", "(", "[", "s/a/b/\0("])
def test_bad_patterns_for_folders_are_refused(text: str) -> None:
    with pytest.raises(PatternError):
        folder_matcher(text)


def test_variables_of_regextrans2() -> None:
    rename = operations("s,^${h2_prefix}(.*),${h2_prefix}Old$h2_sep$1,").on_text(
        {"h2_prefix": "INBOX.", "h2_sep": "."}
    )
    assert rename("INBOX.Sent") == "INBOX.Old.Sent"
    assert rename("INBOXxSent") == "INBOXxSent"


def test_a_pattern_that_would_never_end_is_ended() -> None:
    slow = bounded(message_matcher("m/(a+)+$/"), "--skipmess", limit_s=0.2)
    begin = time.monotonic()
    with pytest.raises(PatternTimeout, match="--skipmess worked longer than"):
        slow(b"a" * 60 + b"!")
    assert time.monotonic() - begin < 5
    assert bounded(message_matcher("m/a/"), "--skipmess")(b"a")
