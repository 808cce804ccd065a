"""Index: which rules an event can concern, found without asking each of them."""

from collections.abc import Iterable, Sequence
from itertools import chain

import msgspec

from segue_events import Event
from segue_notifiers.firing import News
from segue_notifiers.rules.match import CompiledMatch, is_part, keys_of, matches_of, needs_subject
from segue_notifiers.rules.rule import Rule

# What is known of so many kinds is kept; a journal has some dozens, so this is only against abuse.
_REMEMBERED_KINDS = 1_000


class _Kind(msgspec.Struct):
    """The numbers of the rules that look at a kind: of those that any event may concern, and of those by a key."""

    by_any: list[int] = []
    by_key: dict[tuple[str, str], list[int]] = {}
    only_whole: bool = True
    need_subject: bool = False

    @property
    def is_wanted(self) -> bool:
        return bool(self.by_any or self.by_key)


class Index:
    """Finds rules by the kind of an event, and those that name flows, deployments or tags by these."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = [(rule, [CompiledMatch(match) for match in matches_of(rule)]) for rule in rules]
        self._kinds: dict[str, _Kind] = {}
        # By the kinds they name, and those that have to be asked about every kind.
        self._by_name: dict[str, list[int]] = {}
        self._by_glob: list[int] = []
        for number, (_, matches) in enumerate(self._rules):
            self._enter(number, matches)

    def find(self, news: News) -> Iterable[int]:
        """Return the numbers of the rules that have to see the news, in their order."""
        kind = self._kind(news.event.kind)
        if not kind.by_key:
            return kind.by_any
        keyed = [kind.by_key[key] for key in keys_of(news) if key in kind.by_key]
        if not keyed:
            return kind.by_any
        return sorted({*kind.by_any, *chain.from_iterable(keyed)})

    def wants(self, event: Event) -> bool:
        """Whether a rule looks at such events, as far as the event alone tells."""
        kind = self._kind(event.kind)
        return kind.is_wanted and not (kind.only_whole and is_part(event))

    def needs_subject(self, event: Event) -> bool:
        """Whether a rule that looks at such events asks for more than the event tells."""
        return self._kind(event.kind).need_subject

    def _kind(self, name: str) -> _Kind:
        kind = self._kinds.get(name)
        if kind is None:
            kind = self._made(name)
            if len(self._kinds) < _REMEMBERED_KINDS:
                self._kinds[name] = kind
        return kind

    def _enter(self, number: int, matches: list[CompiledMatch]) -> None:
        names: set[str] = set()
        for match in matches:
            if match.names is None:
                self._by_glob.append(number)
                return
            names |= match.names
        for name in names:
            self._by_name.setdefault(name, []).append(number)

    def _made(self, name: str) -> _Kind:
        kind = _Kind()
        for number in sorted({*self._by_glob, *self._by_name.get(name, ())}):
            rule, matches = self._rules[number]
            keys = [match.keys for match in matches if match.kinds(name)]
            if not keys:
                continue
            kind.only_whole = kind.only_whole and not rule.parts
            kind.need_subject = kind.need_subject or needs_subject(rule)
            if None in keys:
                kind.by_any.append(number)
                continue
            for key in {key for some in keys if some for key in some}:
                kind.by_key.setdefault(key, []).append(number)
        return kind
