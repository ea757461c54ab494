"""Where a run under callgrind spent instructions and branches, function by function, those that the
compiler has inlined too: callgrind names addresses, the debugging information says of each which
functions were inlined there, one in the other."""
import collections
import json
import re
import subprocess

import tools

INSTRUCTIONS, BRANCHES = "Ir", "Bc"


class Costs:
    """{function: instructions}, `own` without and `whole` with what it calls, and {function: branches},
    with. A function of the C library or of C++'s counts for the one of ours that calls it inlined,
    and for itself where it is called."""

    def __init__(self):
        self.own = collections.Counter()
        self.whole = collections.Counter()
        self.branches = collections.Counter()

    def per(self, other, units):
        """What lies between `other`, a smaller run, and this, for each of `units`."""
        less = Costs()
        for mine, theirs, into in ((self.own, other.own, less.own), (self.whole, other.whole, less.whole),
                                   (self.branches, other.branches, less.branches)):
            for name, number in mine.items():
                into[name] = (number - theirs.get(name, 0)) / units
        return less


def plain(name):
    """A function without its parameters, what it returns, and what would stand on every line."""
    name = re.sub(r"'\d+$", "", name).replace("(anonymous namespace)::", "").replace("lastack::", "")
    depth, kept = 0, ""
    for at, char in enumerate(name):
        opens = char in "(<" and not name[:at].endswith("operator")
        depth += opens
        if depth == 0:
            kept += char
        depth -= char in ")>" and depth > 0
    kept = re.sub(r" (const|\[clone .*\])$", "", kept.strip())
    return kept if "operator" in kept else kept.split(" ")[-1] or name


class Named:
    """callgrind writes a name once, with a number, and the number from then on."""

    def __init__(self):
        self.names = {}

    def of(self, text):
        number, _, name = text.partition(" ")
        if name:
            self.names[number] = name
        return self.names[number]


def lines_of(out):
    """(object, function, address, is a call, instructions, branches) for each line of costs."""
    objects, functions = Named(), Named()
    binary = function = ""
    address, called, columns = 0, False, {}
    for line in out.read_text().splitlines():
        if line.startswith("events: "):
            columns = {event: 2 + at for at, event in enumerate(line.split()[1:])}
        elif line.startswith("ob="):
            binary = objects.of(line[3:])
        elif line.startswith("cob="):
            objects.of(line[4:])
        elif line.startswith("fn="):
            function = functions.of(line[3:])
        elif line.startswith("cfn="):
            functions.of(line[4:])
        elif line.startswith("calls="):
            called = True
        elif columns and line[:1] in tuple("0123456789+-*"):
            words = line.split()
            if words[0] != "*":
                address = int(words[0], 16) if words[0][0] == "0" else address + int(words[0])
            figures = [int(words[at]) if at is not None and at < len(words) else 0
                       for at in (columns.get(INSTRUCTIONS), columns.get(BRANCHES))]
            yield binary, function, address, called, *figures
            called = False


def inlined_at(command, addresses):
    """{address: names of our functions that it belongs to, the innermost first}."""
    asked = subprocess.run(["llvm-symbolizer-19", f"--obj={command}", "--inlines", "--demangle", "--output-style=JSON"],
                           input="".join(f"{address:#x}\n" for address in addresses),
                           capture_output=True, text=True, check=True)
    found = {}
    for address, line in zip(addresses, asked.stdout.splitlines()):
        frames = json.loads(line).get("Symbol", [])
        ours = [plain(f["FunctionName"]) for f in frames
                if "/c++/" not in f["FileName"] and not f["FunctionName"].startswith("std::")]
        found[address] = ours or [plain(f["FunctionName"]) for f in frames[-1:]]
    return found


def costs(out, command=tools.COMMAND):
    """Costs of the run in `out`, which callgrind wrote with --dump-instr=yes."""
    at = collections.defaultdict(lambda: [0, 0, 0])  # own instructions, all, branches of all
    result = Costs()
    for binary, function, address, called, instructions, branches in lines_of(out):
        if not binary.endswith(command.name):
            if not called:
                result.own[plain(function)] += instructions
                result.branches[plain(function)] += branches
            continue
        here = at[address]
        here[0] += 0 if called else instructions
        here[1] += instructions
        here[2] += branches
    for address, names in inlined_at(command, sorted(at)).items():
        own, whole, branches = at[address]
        result.own[names[0] if names else "?"] += own
        for name in set(names):
            result.whole[name] += whole
            result.branches[name] += branches
    return result
