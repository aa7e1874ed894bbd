#!/usr/bin/env python3
"""Judges a recorded run anew, from the raw bytes of its terminal and from what the kernel was seen to say.

    verify.py RECORDING...      prints `AGREES: why` or `DISAGREES: why` for each; ends with 1 if one disagrees

It shares no code with what it judges. A recording is one JSON file a run:

    why    what `cotty why cN --json` printed: `run` (how it is said to stand) and `evidence` (steps, oldest first)
    raw    the raw bytes of the session's output from the place where the run was typed to the end, in base64
    from   that place, `EPOCH:BYTE`
    key    the key with which the shell that the run was typed into signs (optional: without it a key is taken from
           the first mark of that shell's process, and the judgement says `key unknown`)

What it goes by:

* A run is over only by proof: a mark `D` with the right key, from the right process, with the awaited serial. Any other
  mark is old, somebody else's or forged. Only the status in that mark is an exit code. A higher serial means that the
  proof was damaged: lost, and no status is known. The old serial at a new prompt, and no start since, means that
  nothing ran.
* What a run waits for is told by kernel facts, in two equal answers, with nothing printed since. Seven rules in their
  order: a terminal behind the terminal; a replaced shell; an unfinished command; a way to elsewhere or another
  shell; no echo; a raw terminal; a line. Text on the screen may only say what kind of line.
* Silence, and what looks like a prompt, prove nothing.
"""

import base64
import json
import re
import sys
from collections import namedtuple

Mark = namedtuple("Mark", "letter status serial pid tty key prompt start end")
# What a run is, as far as this program can tell: the state, and what belongs to it (exit, signal, kind, shell).
Verdict = namedtuple("Verdict", "state detail grade because")

# Shells that mark the start of a command.
MARK_STARTS = {"bash", "zsh", "fish", "tcsh"}
EDIT_LINES = {"bash", "zsh", "fish", "ash", "mksh", "ksh93", "tcsh"}
# To the kernel the builtin `read` of these looks like their prompt.
READ_BY_EDITOR = {"fish", "ksh93"}
SHELLS = set("bash zsh dash sh ash busybox ksh ksh93 mksh fish tcsh csh yash xonsh nu elvish pwsh rc".split())
SPEAK = {"busybox": "ash", "ksh": "ksh93", "csh": "tcsh", "sh": "dash"}
REMOTES = set("ssh docker kubectl telnet screen podman".split())
PAGERS = set("less more most pg man".split())
EDITORS = set("vim vi nvim vim.basic vim.tiny nano emacs ed micro helix".split())
ASK_ABOUT_KEYS = set("ssh scp sftp git rsync".split())
FINAL = {"completed", "ran_nothing", "interrupted", "shell_exited", "left", "lost"}


class Disagrees(Exception):
    """The recording does not bear out what is said of the run."""


def demand(holds, why):
    if not holds:
        raise Disagrees(why)


MARK = re.compile(rb"\x1b\]133;([^\x00-\x1f\x7f]{1,8192})(?:\x07|\x1b\\)")


def marks_in(raw, base):
    """Finds everything that has the form of a signed mark. Whose it is, is judged later."""
    for found in MARK.finditer(raw):
        text = found[1].decode("utf-8", "replace")
        letter, _, rest = text.partition(";")
        status = None
        if letter == "D":
            status, _, rest = rest.partition(";")
        if letter == "P":  # The path comes last and may hold anything.
            rest = re.split(r"(?:^|;)d=", rest)[0]
        fields = dict(it.split("=", 1) for it in rest.split(";") if "=" in it)
        numbers = [status, fields.get("c"), fields.get("p"), fields.get("n")]
        damaged = any(it is not None and not re.fullmatch(r"-?\d+", it) for it in numbers)
        if "k" in fields and not damaged and (len(found[1]) <= 256 or letter == "P"):
            status, serial, pid, prompt = (None if it is None else int(it) for it in numbers)
            yield Mark(letter, status, serial, pid, fields.get("t"), fields["k"], prompt,
                       base + found.start(), base + found.end())


class Recording:
    """A recording, taken apart."""

    def __init__(self, told):
        self.run = told["why"]["run"]
        self.steps = told["why"]["evidence"]
        self.raw = base64.b64decode(told["raw"], validate=True)
        self.epoch, self.base = place(told["from"])
        self.end = self.base + len(self.raw)
        self.marks = list(marks_in(self.raw, self.base))
        first = self.steps[0] if self.steps else {}
        demand(first.get("kind") in ("typed", "found"), "nothing tells when it was typed")
        self.typed = first["details"]
        self.awaited = int(self.typed["awaited"])
        self.pid = int(self.typed["pid"]) if "pid" in self.typed else None
        self.prompt = int(self.typed.get("prompt", 0))
        self.shell = self.typed.get("shell", "bash")
        own = [it.key for it in self.marks if it.pid is not None and it.pid == self.pid]
        self.key = told.get("key") or (own[0] if own else None)
        self.key_is_known = "key" in told

    def last(self, kind):
        return next((it for it in reversed(self.steps) if it["kind"] == kind), None)

    def signs(self, mark):
        """Whether the shell that the run was typed into may have printed it."""
        return mark.key == self.key and (mark.pid is None or self.pid is None or mark.pid == self.pid)


def place(offset):
    epoch, _, byte = offset.partition(":")
    return int(epoch), int(byte)


def proof_in(it):
    """Returns what the marks prove of the end of the run; nothing where nothing is proven."""
    started, awaited = False, it.awaited
    for at, mark in enumerate(it.marks):
        if not it.signs(mark) or mark.serial is None:
            continue
        if mark.letter == "C":
            if it.run["id"].startswith("h"):
                awaited = max(awaited, mark.serial)  # Several pasted lines are one command of a person.
            started |= mark.serial == awaited
        if mark.letter != "D" or mark.prompt is not None and mark.prompt <= it.prompt:
            continue
        # tcsh signs once more when it ends: only the prompt that follows proves that it goes on.
        if it.shell == "tcsh" and not any(b.letter == "B" and it.signs(b) for b in it.marks[at + 1:]):
            continue
        if mark.serial == awaited:
            return ended(it, mark, False)
        if mark.serial > awaited:
            return Verdict("lost", None, "exact", f"serial {mark.serial} came instead of {awaited}")
        nothing_began = not started and it.shell in ("bash", "zsh", "fish") and mark.prompt is not None
        if mark.serial == awaited - 1 and nothing_began:
            return ended(it, mark, True)
    return None


def ended(it, mark, unstarted):
    """The shell says that the command is over. Whether it ran, and what ended it, is told by more than the mark."""
    signal = signal_in(it, mark.status)
    because = f"D with serial {mark.serial} of process {mark.pid} at {mark.start}"
    if all(not line.strip() or line.lstrip().startswith("#") for line in it.run["command"].splitlines()):
        return Verdict("ran_nothing", None, "exact", because)
    if signal is not None:
        return Verdict("interrupted", (signal, mark.status), "exact", because + f" after signal {signal}")
    if unstarted and (mark.status == 0 or any(s["kind"] == "signal" for s in it.steps)):
        return Verdict("ran_nothing", None, "exact", because)
    return Verdict("completed", mark.status, "exact", because)


def signal_in(it, status):
    """Returns the signal that somebody asked for and that this status tells of."""
    if it.shell == "tcsh" and status == 1:
        status = 130
    sent = [step["details"] for step in it.steps if step["kind"] == "signal"]
    sent = {int(it.get("number", 2 if it.get("keys") in ("ctrl-c", "\\u{3}") else 0)) for it in sent}
    return status - 128 if status - 128 in sent else None


def mark_of(it, step):
    """Returns the mark in the raw bytes that a step speaks of, which must be what the step says it is."""
    told = step["details"]
    found = next((m for m in it.marks if m.start == int(told["from"]) and m.end == int(told["to"])), None)
    demand(found is not None, f"there is no mark at {told['from']}: bytes were changed or cut")
    for name in ("letter", "serial", "pid", "tty", "status", "prompt"):
        value = getattr(found, name)
        demand(name not in told or str(value) == told[name], f"the mark at {found.start} says {name} {value}, "
               f"and the evidence {told.get(name)}")
    return found


MEMBER = re.compile(
    r"(?P<pid>\d+) (?P<comm>.*) (?P<state>[A-Za-z]) "
    r"(?P<blocked>waits for the terminal|reads one byte of the terminal|does not wait for it"
    r"|wait channel (?P<channel>\S+?)(?P<terminal>, has the terminal)?(?P<socket>, has a socket)?)"
    r"(?P<foreign>, another user's)?(?:, called with (?P<options>.*))?")


class Facts:
    """A look at a terminal: the innermost one that may be read."""

    def __init__(self, told):
        inner = "inner-" if "inner-members" in told else ""
        self.opaque = told.get("inner") == "opaque"
        self.canonical, self.echo = (told[inner + name] == "true" for name in ("canonical", "echo"))
        front = told.get("front", told["shell"])
        self.shell = 0 if front == "beyond" else int(front)
        self.dialect = told.get("dialect", "bash")
        self.unanswered, self.addressed, self.more_wanted = (
            told.get(name) == "true" for name in ("unanswered", "addressed", "more-wanted"))
        self.replaced = told.get("executable-signed") != told.get("executable-now")
        texts = told[inner + "members"].split("; ")
        self.members = [MEMBER.fullmatch(it) for it in texts if it and not it.startswith("and ")]
        demand(all(self.members), "a member of the foreground cannot be read")
        self.has_shell = any(int(it["pid"]) == self.shell for it in self.members)
        self.foreground = int(told.get(inner + "foreground", 0))

    def waits(self, member):
        """Asleep in a read of the terminal, or in a poll that includes it."""
        if member["state"] != "S" or not member["channel"]:
            return member["state"] == "S" and member["blocked"] != "does not wait for it"
        edits = SPEAK.get(member["comm"], member["comm"]) in EDIT_LINES and is_interactive(member)
        if member["foreign"] and not self.echo and (self.canonical or edits):
            return True
        if not member["terminal"] or member["socket"]:
            return False
        channel = member["channel"]
        if channel in ("wait_woken", "n_tty_read", "ttyin", "ttyraw"):
            return True
        if "poll" in channel or "select" in channel or channel.startswith("kq"):
            return not self.canonical or self.has_shell
        return channel == "hidden" and self.has_shell and not self.canonical and int(member["pid"]) == self.shell


def is_interactive(member):
    """A shell with `-c` or a script is a program like another."""
    return all(re.fullmatch(r"--.*|-[^c-][^c]*|-", it) for it in (member["options"] or "").split())


def what_facts_tell(told):
    """Judges one look by the seven rules; returns what the foreground does, in words."""
    facts = Facts(told)
    if facts.opaque:
        return "works (opaque)"
    if facts.has_shell and facts.replaced:
        return "nested " + next(it["comm"] for it in facts.members if int(it["pid"]) == facts.shell)
    reader = next((it for it in facts.members if facts.waits(it)), None)
    if not facts.members and facts.foreground:
        # The host hides who stands in front; that nobody's keys are shown tells of a secret.
        return "waits for secret" if facts.canonical and not facts.echo else "works (unseen)"
    if reader is None:
        return "works (unseen)" if any(it["channel"] for it in facts.members) else "works"
    if int(reader["pid"]) == facts.shell:
        return what_the_shell_reads(facts, reader)
    comm, hidden = reader["comm"], facts.canonical and not facts.echo
    if comm in REMOTES and not facts.canonical:
        return "works beyond " + comm
    if comm in SHELLS and is_interactive(reader) and not hidden:
        return "nested " + comm
    if facts.canonical:
        return "waits for secret" if hidden else "waits for line"
    otherwise = "full_screen" if facts.addressed else "line"
    return "waits for " + ("pager" if comm in PAGERS else "editor" if comm in EDITORS else otherwise)


def what_the_shell_reads(facts, reader):
    """The shell itself waits: a line editor is raw, a builtin such as `read` takes whole lines."""
    edits = facts.dialect in EDIT_LINES
    unfinished = facts.unanswered and facts.dialect in MARK_STARTS and not facts.canonical
    if unfinished or facts.more_wanted and (not facts.canonical or not edits):
        return "waits for incomplete_syntax"
    if facts.canonical and facts.dialect == "fish":
        return "works"  # It reads by its editor only, and polls the terminal while a job works.
    if facts.canonical and not facts.echo:
        return "waits for secret"
    takes_a_line = edits or reader["blocked"] == "reads one byte of the terminal"
    return "waits for line" if facts.canonical and takes_a_line else "the shell reads"


def takes_answers(facts):
    """Whether a builtin reads and no prompt: it edits as the prompt does, or takes single keys."""
    by_byte = facts.dialect == "bash" and any(it["blocked"] == "reads one byte of the terminal" for it in facts.members)
    return facts.dialect in READ_BY_EDITOR or not facts.canonical and (facts.echo or by_byte)


def text_at_the_end(raw):
    """Returns the last lines of the output without what only moves or colours."""
    text = re.sub(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-~])", b"", raw[-8192:])
    lines = [line.strip().lower() for line in text.decode("utf-8", "replace").replace("\r", "\n").split("\n")]
    return [line for line in lines if line]


def words_bear_out(kind, facts, raw):
    """Words refine a line: whether they can have said this."""
    lines = text_at_the_end(raw)
    last = lines[-1] if lines else ""
    if kind == "confirm":
        return bool(re.search(r"\by(es)?\b.*\bn(o)?\b|\bn(o)?\b.*\by(es)?\b|(type|enter) .?yes", last))
    if kind == "press_key":
        return any(re.search(r"press|hit|any key|continue|enter|return", line) for line in lines[-2:])
    if kind == "menu":
        return len([line for line in lines if re.match(r"[\[(]?\w{1,3}[).:\]]", line)]) >= 2
    named = any(it["comm"] in ASK_ABOUT_KEYS for it in facts.members)
    return kind == "host_key" and named and "yes" in last


def wait_in(it):
    """Returns what the newest facts tell of a run that is not over, if they still stand."""
    step = it.last("facts")
    demand(step is not None, "no facts were seen")
    told = step["details"]
    # What comes after the facts voids them; a word about a shell that did not answer does not.
    later = it.steps[it.steps.index(step) + 1:]
    demand(all(other["kind"] == "said" for other in later), "something happened after the facts")
    asked = next((other for other in it.steps if other["kind"] == "said" and "asked" in other["details"]), None)
    demand(place(step["at"]) == (it.epoch, it.end) or asked, "something was printed after the facts")
    demand(int(told.get("answers", 0)) >= 2, "facts count only in two equal answers")
    tells = what_facts_tell(told)
    demand(tells == told.get("verdict"), f"the facts tell that it {tells}, and the step says {told.get('verdict')}")
    refined = re.fullmatch(r"needs input \((\w+)\)", told.get("by-words-at-the-cursor", ""))
    if tells == "the shell reads" and told.get("unanswered") == "false" and takes_answers(Facts(told)):
        tells = "waits for line"
    if refined and tells == "waits for line" and refined[1] != "line":
        demand(words_bear_out(refined[1], Facts(told), it.raw), f"no words on the screen ask for {refined[1]}")
        tells = "waits for " + refined[1]
    if tells.startswith("waits for "):
        return Verdict("needs_input", tells[10:], "probed", f"the facts at {step['at']} tell that it {tells}")
    if tells.startswith(("nested ", "works beyond ")):
        return Verdict("nested", tells.split()[-1], "probed", f"the facts at {step['at']} tell: {tells}")
    if tells == "the shell reads":
        return Verdict("unknown", None, "probed", "the shell reads and has signed nothing")
    return Verdict("running", None, None, f"the facts at {step['at']} tell that it {tells}")


def judge(it):
    """Returns what the run is."""
    proven = proof_in(it)
    if proven:
        return proven
    said = it.run["state"]
    end = it.last("end")
    if end:
        demand(place(end["at"])[1] <= it.end, "the end lies behind the bytes: they were cut")
        told = end["details"]
        if told.get("of") == "the shell":
            code = int(told["exit"]) if "exit" in told else None
            return Verdict("shell_exited", code, "exact", f"the shell ended at {end['at']}")
        return Verdict("lost", None, "exact", f"the terminal ended at {end['at']}: {told.get('reason')}")
    for whose in ("the shell below", "the shell inside"):
        step = next((s for s in it.steps if s["kind"] == "mark" and s["details"].get("of") == whose), None)
        if step is None:
            continue
        mark = mark_of(it, step)
        of_the_session = it.key is None or mark.key[:16] == it.key[:16]
        demand(mark.letter == "D" and mark.key != it.key and of_the_session, "that shell is none of the session's")
        if whose == "the shell below" and said == "lost":
            return Verdict("lost", None, "exact", "more than the shell that it ran in has ended")
        if whose == "the shell below":
            return Verdict("left", mark.status, "exact", f"the shell below signed at {mark.start}")
        demand(not any(m.key == mark.key and m.letter in "BCD" and m.start < mark.start for m in it.marks),
               "that key had signed before")
        # The answer proves that it is a shell, and what was asked for which one.
        asked = [s["details"]["asked"] for s in it.steps if "asked" in s["details"]]
        name = it.run.get("shell") if asked and it.run.get("shell") in SHELLS else None
        return Verdict("nested", name, "exact", f"the shell inside signed at {mark.start}")
    demand(said not in FINAL, "nothing proves that it is over")
    unproven = Verdict("running", None, None, "nothing proves that it is over")
    return unproven if said == "running" else wait_in(it)


def check_steps(it):
    """The evidence is in order, and each of its marks lies where it says."""
    before = (0, 0)
    for step in it.steps:
        epoch, at = place(step["at"])
        now = (step["after_ms"], at)
        demand(epoch == it.epoch and now >= before and at >= before[1], "the steps are out of order")
        demand(at <= it.end, f"a step stands at {at}, and the bytes end at {it.end}: they were cut")
        before = now
        if step["kind"] == "mark":
            mark = mark_of(it, step)
            demand("of" in step["details"] or it.signs(mark), f"the mark at {mark.start} is not that shell's")
    for name in ("from", "to"):
        epoch, at = place(it.run[name])
        demand(epoch == it.epoch and it.base <= at <= it.end, f"its output is said to reach to {at}: bytes were cut")


def compare(it, verdict):
    """What is said of the run must be what the recording tells, no more and no less."""
    said = it.run
    demand(said["state"] == verdict.state, f"it is called {said['state']}, and is {verdict.state}: {verdict.because}")
    wanted = verdict.detail if verdict.state in ("completed", "left", "shell_exited") else None
    wanted = verdict.detail[1] if verdict.state == "interrupted" else wanted
    demand(said.get("exit") == wanted, f"its exit is said to be {said.get('exit')}, and is {wanted}: {verdict.because}")
    if verdict.state == "interrupted":
        demand(said.get("signal") == verdict.detail[0], f"the signal was {verdict.detail[0]}: {verdict.because}")
    for state, name in (("needs_input", "input"), ("nested", "shell")):
        detail = verdict.detail if verdict.state == state else None
        demand(said.get(name) == detail, f"its {name} is {detail}, not {said.get(name)}: {verdict.because}")
    if verdict.grade:
        demand(said["boundary"] == verdict.grade, f"it is graded {said['boundary']}, and is {verdict.grade}")
    demand(verdict.state not in FINAL or it.last("verdict"), "no verdict was noted")


def main(paths):
    wrong = not paths
    for path in paths:
        try:
            with open(path, encoding="utf-8") as file:
                it = Recording(json.load(file))
            check_steps(it)
            verdict = judge(it)
            compare(it, verdict)
            print(f"AGREES: {path}: {verdict.state}{'' if it.key_is_known else ' (key unknown)'}: {verdict.because}")
        except (Disagrees, KeyError, ValueError, TypeError, AttributeError) as reason:
            wrong = True
            print(f"DISAGREES: {path}: {type(reason).__name__}: {reason}")
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
