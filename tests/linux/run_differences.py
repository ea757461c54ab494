"""Transcripts of tests/worlds side by side: what differs, in words, and the table that says which of it may."""
import collections
import csv
import re

from lab import ROOT

TABLE = ROOT / "tests" / "run" / "differences.tsv"
POLL = re.compile(r"-$|(IN|PRI|OUT|ERR|HUP|RDHUP)(\||$)")
NEVER_CONNECTED = ("CLOSED", "LISTEN", "NEW")
BEGINS = ("connect", "listen", "disconnect")
OUT_OF_BAND, PEEK = 0x1, 0x2


def rows():
    with TABLE.open() as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


class Row:
    """`where` fits the words of a difference; `holds` is an expression that is true of it. In it the names of
    `where` are what it found there, numbers mostly; the rest is what facts() knows."""

    def __init__(self, row):
        self.name, self.then = row["row"], row["then"]
        self.where = re.compile(row["where"])
        self.holds = compile("True" if row["holds"] == "-" else row["holds"], row["row"], "eval")

    def explains(self, text, facts):
        fits = self.where.match(text)
        if not fits:
            return False
        numbers = {name: int(value) if value.isdigit() else value for name, value in fits.groupdict().items()
                   if value is not None}
        names = {**dict.fromkeys(self.where.groupindex), **facts, **numbers}
        return bool(eval(self.holds, {"__builtins__": {"min": min}}, names))


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
        self.rows = [Row(row) for row in rows() if row["where"] != "-"]
        self.met = collections.Counter()

    def begin(self):
        self.open = {}  # of each slot; copies have the same
        self.opened = 0
        self.connected = set()
        self.left_alone = set()
        self.before = self.ours_before = {}
        self.all_sent = 0
        self.unread = {}  # of those that shut reading: what lay there then and was not read since
        self.left = {}  # the same as FIONREAD has it here: with urgent octets, and those behind them
        self.lay = None
        self.urgent = 0
        self.urgent_taken = set()  # of whom an urgent octet was read as such
        self.passed_over = False  # whether a read has passed over one, which the pair keeps
        self.in_place = set()  # who has set SO_OOBINLINE since
        self.low_at = {}  # SO_RCVLOWAT, where it was set
        self.ended = set()  # of whose connection, or listening, something has ended
        self.again = set()  # and who began something then
        self.shut = set()  # who has shut something, and begun nothing since
        self.holder = {}  # of each slot
        self.holders = collections.defaultdict(set)  # that a socket has had

    def follow(self, step, answer, our_answer):
        words = step.split()
        number = next((int(word.lstrip("AB")) for word in words[1:] if word.lstrip("AB").isdigit()), None)
        slot = number
        if words[0] in ("stream", "datagrams", "accept") and answer == "ok":
            slot = int(words[3]) if words[0] == "accept" else number
            self.opened += 1
            self.open[slot] = self.opened
            if words[0] == "accept":
                self.connected.add(self.opened)
                self.low_at[self.opened] = self.low_at.get(self.open.get(number), 1)
                if self.open.get(number) in self.unread:  # said before listen(), it counts for each
                    self.unread[self.opened] = 0
            self.hand(slot, self.holder.get(number) if words[0] == "accept" else
                      words[words.index("by") + 1] if "by" in words else "0")
        if words[0] == "dup" and answer == "ok":
            self.open[int(words[3])] = self.open[number]
            self.hand(int(words[3]), words[6] if len(words) > 6 else self.holder.get(number))
        socket = self.open.get(number)
        if words[0] == "recv" and answer[0].isdigit() and int(words[3]) & OUT_OF_BAND:
            self.urgent_taken.add(socket)
        if words[0] == "set" and words[2] == "SO_OOBINLINE" and socket in self.urgent_taken:
            self.in_place.add(socket)
        if words[0] == "set" and words[2] == "SO_RCVLOWAT" and answer == "0":
            self.low_at[socket] = int(words[3])
        if words[0] == "connect" and answer == "EINPROGRESS":
            self.connected.add(socket)
        if words[0] == "connect" and answer.startswith("ECONN"):
            self.connected.discard(socket)
            self.ended.add(socket)
        if words[0] == "shutdown" and answer in ("0", "ENOTCONN"):
            self.ended.add(socket)
            self.shut.add(socket)
        if words[0] in BEGINS and answer.startswith(("0", "EINPROGRESS", "ECONN")):
            self.shut.discard(socket)
        if words[0] in BEGINS and socket in self.ended:
            self.again.add(socket)
        self.count(words, number, answer, our_answer)
        return slot

    def hand(self, slot, holder):
        self.holder[slot] = holder
        self.holders[self.open[slot]].add(holder)

    def count(self, words, slot, answer, our_answer):
        """Octets: those that were sent, and those that lay there when reading was shut."""
        socket = self.open.get(slot)
        self.refused = words[0] == "send" and our_answer.isdigit() and not answer[0].isdigit()
        if words[0] in ("send", "send_to") and answer.isdigit():
            self.all_sent += int(answer)
            stream = self.before.get(slot, {}).get("state") != "UDP"
            self.urgent += stream and words[0] == "send" and int(words[3]) & OUT_OF_BAND != 0
        if words[0] == "shutdown" and words[2] in "02" and answer in ("0", "ENOTCONN"):
            for kept, before in ((self.unread, self.before), (self.left, self.ours_before)):
                lay = before.get(slot, {}).get("in", "0")
                kept.setdefault(socket, int(lay) if lay.isdigit() else 0)
        if words[0] == "disconnect" and answer == "0" and self.before.get(slot, {}).get("state") != "UDP":
            self.unread.pop(socket, None)
            self.left.pop(socket, None)
            self.connected.discard(socket)
        taken, self.lay = our_answer.split()[0], self.unread.get(socket)
        takes = words[0] == "recv" and taken.isdigit() and int(words[3]) & (OUT_OF_BAND | PEEK) == 0
        for kept in (self.unread, self.left):
            if takes and socket in kept:
                kept[socket] -= min(int(taken), kept[socket])

    def state(self, slot, said):
        new = said["state"] == "CLOSED" and self.open.get(slot) not in self.connected
        return "NEW" if new else said["state"]

    def of_slot(self, slot, theirs, ours):
        state = self.state(slot, theirs)
        if theirs["state"] != ours["state"]:
            yield f"state in {state}: here {ours['state']}"
        lacks, has = bits(theirs["poll"]) - bits(ours["poll"]), bits(ours["poll"]) - bits(theirs["poll"])
        for how, what in (("lacks", lacks), ("has", has)):
            if what:
                yield f"poll in {state}: {how} {'|'.join(sorted(what))}"
        for what in ("in", "out"):
            if theirs.get(what) != ours.get(what):
                yield f"{what} in {state}: {theirs.get(what)} here {ours.get(what)}"
        if theirs["edge"] != ours["edge"]:
            before = self.before.get(slot, {"poll": "-", "in": "0"})
            news = bits(theirs["poll"]) - bits(before["poll"])
            grown = theirs["in"].isdigit() and before["in"].isdigit() and int(theirs["in"]) > int(before["in"])
            news |= {"IN"} if grown else set()
            had = bits(self.ours_before.get(slot, {"poll": "-"})["poll"]) - bits(before["poll"])
            untold = (bits(theirs["edge"]) & news & bits(ours["poll"])) - bits(ours["edge"]) - had
            yield f"edge in {state}: lacks {'|'.join(sorted(untold))}" if untold else f"edge in {state}: again"

    def is_below(self, socket, inside):
        """Whether fewer octets lie there than SO_RCVLOWAT asks for; all that there can be, where it is negative."""
        low_at = self.low_at.get(socket, 1)
        return inside.isdigit() and not 0 <= low_at <= int(inside)

    def facts(self, slot, step, said):
        """What the table's expressions may ask: the octets of the call and its flags, poll() as the kernel has it now
        and had it before, octets left of those that were there when reading was shut (None where it was not), after
        the call and before it, and as they are counted here, all that was sent in this script, how often with an urgent octet, what FIONREAD says
        in the kernel, whether a read has passed over an urgent octet, whether SO_OOBINLINE was set after an urgent
        octet was read, whether that is less than SO_RCVLOWAT, whether it refused to send what was sent here, whether
        something was shut and nothing begun since, whether the socket began again after an end, and whether several
        processes have had it."""
        words = step.split()
        moves = words[0] in ("send", "recv")
        socket = self.open.get(slot)
        return {"op": words[0], "asked": int(words[2]) if moves else None, "flags": int(words[3]) if moves else 0,
                "poll": bits(said.get("poll", "-")), "had": bits(self.before.get(slot, {}).get("poll", "-")),
                "unread": self.unread.get(socket), "lay": self.lay, "left": self.left.get(socket),
                "sent": self.all_sent, "urgent": self.urgent,
                "shut": socket in self.shut, "again": socket in self.again,
                "refused": self.refused, "shared": len(self.holders[socket]) > 1, "inside": said.get("in"),
                "passed_over": self.passed_over, "in_place": socket in self.in_place,
                "below": self.is_below(socket, said.get("in", "-"))}

    def differences(self, mine, theirs):
        """Of one step: (open socket or connection, words, facts)."""
        step, answer = theirs.split("; ")[0].rsplit(" = ", 1)
        our_answer = mine.split("; ")[0].rsplit(" = ", 1)[1]
        slot = self.follow(step, answer, our_answer)
        words = step.split()
        slots, connections = slots_of(theirs)
        ours, our_connections = slots_of(mine)
        for number, said in slots.items():
            counts = (said["in"], ours.get(number, said)["in"])
            self.passed_over |= words[0] == "recv" and self.urgent > 0 and counts == ("0", "1")
            if said["state"] not in (*NEVER_CONNECTED, "UDP"):
                self.connected.add(self.open.get(number))
            if bits(said["poll"]) & {"RDHUP", "ERR"}:
                self.ended.add(self.open.get(number))
        found = []

        def note(number, text):
            facts = self.facts(number, step, slots.get(number, {}))
            found.append((self.open.get(number), f"{text} after {words[0]}", facts))

        if answer != our_answer:
            state = self.state(slot, self.before[slot]) if slot in self.before else "none"
            what = " ".join([words[0], *words[2:-1]]) if words[0] == "set" else \
                " ".join([words[0], *words[2:]]) if words[0] == "get" else words[0]
            note(slot, re.sub(r"#\d+", "#", f"{what} in {state}: {answer} here {our_answer}"))
        for number, said in slots.items():
            if number in ours:
                for text in self.of_slot(number, said, ours[number]):
                    note(number, text)
            elif answer == our_answer:
                note(number, "is not there")
        for i, (there, here) in enumerate(zip(connections, our_connections)):
            if there != here and not self.left_alone:
                found.append((f"#{i}", f"connection: {there} here {here} after {words[0]}", self.facts(None, step, {})))
        self.before, self.ours_before = slots, ours
        return found

    def acts_alone(self, mine, theirs):
        """Whether one that is left connects, or sends, in the kernel only: others learn of that."""
        step, answer = theirs.split("; ")[0].rsplit(" = ", 1)
        words = step.split()
        ours = mine.split("; ")[0].rsplit(" = ", 1)[1]
        does = words[0] == "connect" and answer == "EINPROGRESS" or words[0] == "send" and answer.isdigit()
        return does and answer != ours and self.open.get(int(words[1])) in self.left_alone

    def unexplained(self, ours, kernels):
        """The first step with a difference that no row is about, and that difference; nothing where all is well."""
        self.begin()
        for i, (mine, theirs) in enumerate(zip(ours, kernels)):
            if self.acts_alone(mine, theirs):
                return None
            for socket, text, facts in self.differences(mine, theirs):
                if socket in self.left_alone:
                    continue
                row = next((row for row in self.rows if row.explains(text, facts)), None)
                if row is None:
                    return i, text
                self.met[row.name] += 1
                if row.then == "the script is left":
                    return None
                if row.then == "it is left":
                    self.left_alone.add(socket)
        return None
