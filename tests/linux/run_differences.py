"""Transcripts of tests/worlds side by side: what differs, in words, and the table that says which of it may."""
import csv
import re

from lab import ROOT

TABLE = ROOT / "tests" / "run" / "differences.tsv"
POLL = re.compile(r"-$|(IN|PRI|OUT|ERR|HUP|RDHUP)(\||$)")
NEVER_CONNECTED = ("CLOSED", "LISTEN", "NEW")
# What a script has used, where rows of the table are about it.
USES = ((re.compile(r"set \d+ TCP_NOTSENT_LOWAT"), "NOTSENT_LOWAT"),
        (re.compile(r"send \d+ \d+ 1 "), "urgent"), (re.compile(r"shutdown \d+ [02] = 0"), "SHUT_RD"),
        (re.compile(r"disconnect \d+ = 0"), "disconnect"), (re.compile(r"connect \d+ .* = ECONN"), "failed once"))


def rows():
    with TABLE.open() as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def slots_of(line):
    """What a line of a transcript says of each slot: state, poll, edge, in, out; and of connections."""
    slots, connections = {}, []
    for part in line.split("; ")[1:]:
        words = part.split()
        if words[0].startswith("#"):
            connections.append(words[1])
            continue
        found = {"state": "UDP" if POLL.match(words[1]) else words[1], "edge": "-"}
        rest = words[1 if found["state"] == "UDP" else 2:]
        found["poll"] = rest[0]
        found.update(zip(rest[1::2], rest[2::2]))
        slots[int(words[0][1:])] = found
    return slots, connections


def bits(text):
    return set(text.split("|")) - {"-"}


class Reader:
    """Goes through a script's two transcripts, step by step."""

    def __init__(self):
        self.rows = [(row["row"], re.compile(row["where"]), row["then"]) for row in rows() if row["where"] != "-"]
        self.met = set()

    def begin(self):
        self.open = {}  # of each slot; copies have the same
        self.opened = 0
        self.connected = set()
        self.left_alone = set()
        self.uses = set()
        self.before = {}

    def follow(self, step, answer):
        words = step.split()
        number = next((int(word.lstrip("AB")) for word in words[1:] if word.lstrip("AB").isdigit()), None)
        slot = number
        if words[0] in ("stream", "datagrams", "accept") and answer == "ok":
            slot = int(words[3]) if words[0] == "accept" else number
            self.opened += 1
            self.open[slot] = self.opened
        if words[0] == "dup" and answer == "ok":
            self.open[int(words[3])] = self.open[number]
        if words[0] == "connect" and answer == "EINPROGRESS":
            self.connected.add(self.open.get(number))
        if words[0] == "connect" and answer.startswith("ECONN"):
            self.connected.discard(self.open.get(number))
        for what, word in USES:
            if what.match(step + " = " + answer):
                self.uses.add(word)
        return slot

    def state(self, slot, said):
        new = said["state"] == "CLOSED" and self.open.get(slot) not in self.connected
        return "NEW" if new else said["state"]

    def of_slot(self, slot, theirs, ours):
        state = self.state(slot, theirs)
        if theirs["state"] != ours["state"]:
            yield f"state in {state}: here {ours['state']}"
        lacks, has = bits(theirs["poll"]) - bits(ours["poll"]), bits(ours["poll"]) - bits(theirs["poll"])
        words = [f"lacks {'|'.join(sorted(lacks))}"] * bool(lacks) + [f"has {'|'.join(sorted(has))}"] * bool(has)
        if words:
            yield f"poll in {state}: {', '.join(words)}"
        for what in ("in", "out"):
            if theirs.get(what) != ours.get(what):
                yield f"{what} in {state}: {theirs.get(what)} here {ours.get(what)}"
        if theirs["edge"] != ours["edge"]:
            before = self.before.get(slot, {"poll": "-", "in": "0"})
            news = bits(theirs["poll"]) - bits(before["poll"])
            grown = theirs["in"].isdigit() and before["in"].isdigit() and int(theirs["in"]) > int(before["in"])
            news |= {"IN"} if grown else set()
            untold = (bits(theirs["edge"]) & news & bits(ours["poll"])) - bits(ours["edge"])
            yield f"edge in {state}: lacks {'|'.join(sorted(untold))}" if untold else f"edge in {state}: again"

    def differences(self, mine, theirs):
        """Of one step: (open socket or None, words)."""
        step, answer = theirs.split("; ")[0].rsplit(" = ", 1)
        our_answer = mine.split("; ")[0].rsplit(" = ", 1)[1]
        slot = self.follow(step, answer)
        after = f" after {step.split()[0]}" + "".join(f", {word}" for word in sorted(self.uses))
        slots, connections = slots_of(theirs)
        ours, our_connections = slots_of(mine)
        for number, said in slots.items():
            if said["state"] not in (*NEVER_CONNECTED, "UDP"):
                self.connected.add(self.open.get(number))
        found = []
        if answer != our_answer:
            state = self.state(slot, self.before[slot]) if slot in self.before else "none"
            text = f"{step.split()[0]} in {state}: {answer} here {our_answer}"
            found.append((self.open.get(slot), re.sub(r"#\d+", "#", text) + after))
        for number, said in slots.items():
            if number in ours:
                found += [(self.open.get(number), text + after) for text in self.of_slot(number, said, ours[number])]
            elif answer == our_answer:
                found.append((self.open.get(number), "is not there" + after))
        if connections != our_connections and not self.left_alone:
            found.append((None, f"connections: {' '.join(connections)} here {' '.join(our_connections)}" + after))
        self.before = slots
        return found

    def unexplained(self, ours, kernels):
        """The first step with a difference that no row is about, and that difference; nothing where all is well."""
        self.begin()
        for i, (mine, theirs) in enumerate(zip(ours, kernels)):
            found = [] if mine == theirs else [
                (socket, text) for socket, text in self.differences(mine, theirs) if socket not in self.left_alone]
            if mine == theirs:
                self.differences(mine, theirs)
            for socket, text in found:
                if socket in self.left_alone:
                    continue
                row = next(((name, then) for name, where, then in self.rows if where.match(text)), None)
                if row is None:
                    return i, text
                self.met.add(row[0])
                if row[1] == "the script is left":
                    return None
                if row[1] == "the socket is left":
                    self.left_alone.add(socket)
        return None
