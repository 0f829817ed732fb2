"""Asking the rules until they find nothing new, and entering what they found.

All rules are asked in the order of the catalogue, about the same `Scene`; what
they found is entered, and the next round sees it.  A finding counts once, and
the first reason for a path stays.  What a rule merely finds worth having is left
out if the recipe excludes it, or if it would not load; what the recipe declared
has to be there.  Of warnings, and of what is absent, those of the last round
count: a larger closure may have what an earlier one lacked.

Rules that are only listed are asked at the end, if somebody wants to know; so
are the others for what they doubt themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import attrs

from imagesmith.manifest.sections import RuntimeSection
from imagesmith.model.resolve import Found
from imagesmith.model.tree import Directory, Entry, same
from imagesmith.trace import patterns
from imagesmith.trace.closure import Reason, Suspected
from imagesmith.trace.rules import catalogue
from imagesmith.trace.rules.binaries import binaries
from imagesmith.trace.rules.opening import Openings
from imagesmith.trace.rules.rule import Absent, Finding, Load, Make, Rule, Ship, Suspect, Warn
from imagesmith.trace.rules.scene import Knowledge, Scene
from imagesmith.trace.shipping import Shipping

MAX_ROUNDS: Final = 64
"""Each brings something new; real programs need three or four."""


def apply(
    shipping: Shipping,
    runtime: RuntimeSection,
    version: int,
    *,
    promised: frozenset[str] = frozenset(),
    suspecting: bool = False,
) -> Applied:
    """Enter what the rules of a rule set find into the closure that `shipping` adds to.

    `promised` are paths that will be in the image besides.  With `suspecting`, what is only
    suspected is looked for, too.
    """
    return ask(
        catalogue.known(version),
        Applied(shipping, runtime),
        promised=promised,
        suspecting=suspecting,
    )


def ask(
    rules: Sequence[Rule], applied: Applied, *, promised: frozenset[str], suspecting: bool
) -> Applied:
    """Ask rules until they find nothing new."""
    applied.check_names(rules)
    shipping, runtime = applied.shipping, applied.runtime
    knowledge = Knowledge(shipping.reasons.root, shipping.listing, promised)
    wanted = [each for each in rules if each.name not in runtime.without_rules]
    for _ in range(MAX_ROUNDS):
        if not applied.round(_scene(knowledge, runtime, shipping), wanted):
            break
    else:
        problem = f"runtime rules still find something new after {MAX_ROUNDS} rounds"
        shipping.reasons.problems[problem] = None
    applied.conclude()
    if suspecting:
        applied.suspect(_scene(knowledge, runtime, shipping), wanted)
    return applied


def _scene(knowledge: Knowledge, runtime: RuntimeSection, shipping: Shipping) -> Scene:
    reasons = shipping.reasons
    return Scene(knowledge, runtime, binaries(reasons.root, reasons.loads), dict(reasons.paths))


@attrs.define
class Applied:
    """What came of the rules, besides the paths that are in the closure now."""

    shipping: Shipping
    runtime: RuntimeSection
    openings: Openings = attrs.field(init=False)
    generated: dict[str, Entry] = attrs.field(init=False, factory=dict)
    """Entries that no package has, by path."""
    suspects: list[Suspected] = attrs.field(init=False, factory=list)
    """In the order of rule and name, each once."""
    _known: set[tuple[str, Finding]] = attrs.field(init=False, factory=set)
    _remarks: list[Absent | Warn] = attrs.field(init=False, factory=list)
    """What the last round said of the closure; one with more in it may say otherwise."""

    def __attrs_post_init__(self) -> None:
        """Open nothing yet."""
        self.openings = Openings(self.shipping)

    def check_names(self, rules: Sequence[Rule]) -> None:
        """Note a problem for each name in `[runtime]` that is no rule's."""
        names = {each.name for each in rules}
        runtime = self.runtime
        for key, given in (("with", runtime.with_rules), ("without", runtime.without_rules)):
            for name in given:
                if name not in names:
                    problem = f"runtime.{key}: no rule {name!r} (imagesmith rules lists them)"
                    self.shipping.reasons.problems[problem] = None

    def round(self, scene: Scene, rules: Sequence[Rule]) -> bool:
        """Enter what the rules find in a scene; say whether any of it is new."""
        is_new = False
        self._remarks.clear()
        for rule in rules:
            if rule.mode != "listed" or self._is_named(rule):
                for finding in rule.find(scene):
                    is_new |= self._enter_once(rule, finding)
        return is_new

    def suspect(self, scene: Scene, rules: Sequence[Rule]) -> None:
        """Note what rules would add that are only listed, and what the others doubt."""
        found: dict[Suspected, None] = {}
        for rule in rules:
            for finding in rule.find(scene):
                if isinstance(finding, Suspect) or self._is_doubtful(rule, finding):
                    found.update(dict.fromkeys(self._suspected(rule, finding)))
        self.suspects = sorted(found, key=lambda each: (each.rule, each.what, each.needed_by or ""))

    def _is_named(self, rule: Rule) -> bool:
        return rule.name in self.runtime.with_rules

    def _is_doubtful(self, rule: Rule, finding: Finding) -> bool:
        """Say whether a finding counts only where the recipe names its rule."""
        doubted = rule.mode == "listed" or (isinstance(finding, Load) and finding.doubtful)
        return doubted and not self._is_named(rule)

    def _enter_once(self, rule: Rule, finding: Finding) -> bool:
        if self._is_doubtful(rule, finding):
            return False
        if isinstance(finding, Load):  # once for each process
            return self.openings.load(rule.name, finding)
        if isinstance(finding, Absent | Warn):
            self._remarks.append(finding)
            return False
        if (rule.name, finding) in self._known:
            return False
        self._known.add((rule.name, finding))
        self._enter(rule, finding)
        return True

    def _enter(self, rule: Rule, finding: Ship | Make | Suspect) -> None:
        match finding:
            case Ship():
                self._ship(rule, finding)
            case Make():
                self._make(rule, finding)
            case Suspect():
                return  # for `suspect`, once the closure is whole

    def conclude(self) -> None:
        """Enter what was missed or odd when nothing more was found."""
        for remark in self._remarks:
            self._say(remark)

    def _say(self, remark: Absent | Warn) -> None:
        reasons = self.shipping.reasons
        match remark:
            case Absent(key, value, hint):
                advice = f" ({hint})" if hint else ""
                reasons.problems[f"{key}: {value} is not in the packages{advice}"] = None
            case Warn(text):
                reasons.warnings[text] = None

    def _ship(self, rule: Rule, finding: Ship) -> None:
        shipping, reasons = self.shipping, self.shipping.reasons
        found = reasons.root.lookup(finding.path)
        if not isinstance(found, Found):
            if finding.key:
                self._say(Absent(finding.key, finding.path))
            return
        if any(path in shipping.excluded for path in (found.path, *found.links)):
            return
        reason = Reason(rule.name, finding.needed_by, finding.detail)
        named = [found.path]
        if finding.content and isinstance(found.entry, Directory):
            named = list(patterns.with_content(shipping.filesystem, named, shipping.listing))
        gathered: dict[str, Reason] = {}
        shipping.gather(named, reason, gathered)
        for path, why in gathered.items():
            if path not in reasons.paths:
                shipping.ship(path, why, optional=not finding.key)
        if found.path in reasons.paths:
            reasons.add_links(found.links, found.path, finding.path)

    def _make(self, rule: Rule, finding: Make) -> None:
        """Add an entry, unless the closure has one there already, or the packages just that."""
        reasons, path = self.shipping.reasons, finding.path
        if path in reasons.paths or path in self.shipping.excluded:
            return
        present = self.shipping.filesystem.entry(path)
        if present is None or not same(present, finding.entry):
            self.generated[path] = finding.entry
        reasons.add(path, Reason(rule.name, finding.needed_by, finding.detail))

    def _suspected(self, rule: Rule, finding: Finding) -> Iterator[Suspected]:
        """Yield what a finding of a rule that is not applied says of the closure."""
        reasons = self.shipping.reasons
        match finding:
            case Ship(path, needed_by, detail):
                found = reasons.root.lookup(path)
                real = found.path if isinstance(found, Found) else None
                if real not in reasons.paths:
                    yield Suspected(rule.name, path, needed_by, detail, real is not None)
            case Load(names, needed_by, detail):
                target = self.openings.target(finding)
                if target not in reasons.paths:
                    what = target or " or ".join(names)
                    yield Suspected(rule.name, what, needed_by, detail, target is not None)
            case Make(path, _, needed_by, detail):
                yield Suspected(rule.name, path, needed_by, detail, present=False)
            case Suspect(what, needed_by, detail, present):
                leads = reasons.root.lookup(what) if what.startswith("/") else None
                if not isinstance(leads, Found) or leads.path not in reasons.paths:
                    yield Suspected(rule.name, what, needed_by, detail, present)
            case _:
                return
