#!/usr/bin/env python3
"""What stands in the pages is there: what is made of the command is as the command makes it now, links
lead somewhere, and each command shown exists with the options it is shown with."""
import json
import pathlib
import re
import shlex
import subprocess
import sys
import unicodedata

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMMAND = ROOT / "build" / "release" / "lastack"


def every_page():
    """All Markdown of the project; what tools have put in build/, debian/ or hidden folders is not its
    own."""
    for path in sorted(ROOT.rglob("*.md")):
        parts = path.relative_to(ROOT).parts
        if not any(part in ("build", "debian") or part.startswith(".") for part in parts):
            yield path


# --- links

FENCED = re.compile(r"^```.*?^```", re.S | re.M)


def anchors(text):
    """The names of a page's headings, as GitHub makes them."""
    names = set()
    for heading in re.findall(r"^#+ +(.+?)\s*$", FENCED.sub("", text), re.M):
        heading = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
        kept = (c for c in heading if c in " -_" or unicodedata.category(c)[0] in "LN")
        names.add("".join(kept).replace(" ", "-"))
    return names


def broken_links(page, text):
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCED.sub("", text)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        other = (page.parent / path).resolve() if path else page
        if not other.exists():
            yield f"{target}: there is no such file"
        elif anchor and anchor not in anchors(other.read_text()):
            yield f"{target}: there is no such heading"


# --- commands

def commands_of(line):
    """The words of each command of a line: those between |, ; and &."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|;&")
    lexer.whitespace_split = True
    commands = [[]]
    for word in lexer:
        if set(word) <= set("|;&"):
            commands.append([])
        else:
            commands[-1].append(word)
    return commands


def shown_commands(text):
    """Yields the words of each `lastack ...` in a block that a shell would take."""
    for kind, block in re.findall(r"^```(console|sh|bash)\n(.*?)^```", text, re.S | re.M):
        for line in block.splitlines():
            if kind == "console" and not line.startswith("$ "):
                continue
            for words in commands_of(line.removeprefix("$ ")):
                if words[:1] in (["lastack"], ["./run"]):
                    yield words[1:]


def wrong_command(tree, words):
    """What is wrong with `words` behind lastack; nothing where it could be typed so."""
    page = tree
    options = {name for o in page["options"] for name in o["names"]}
    words = iter(words)
    for word in words:
        subs = {sub["name"].split()[-1]: sub for sub in page["subcommands"]}
        name = word.partition("=")[0]
        if word in subs:
            page = subs[word]
            options = {name for o in page["options"] for name in o["names"]}
        elif word == "--":
            return None
        elif word.startswith("-"):
            letters = {"-" + c for c in word[1:]} if re.fullmatch(r"-[a-z]+", word) else {name}
            if not letters <= options:
                return f"{page['name']} has no {word}"
            if "=" not in word and any(name in o["names"] and o["value"] for o in page["options"]):
                next(words, None)
        elif page["name"] == "lastack run":
            return None  # what follows the program's name is the program's
        elif subs:
            return f"{page['name']} has no subcommand {word}"
    return None


def check_itself(tree):
    assert anchors("# A `b` (c)\n## 关闭 x_y\n") == {"a-b-c", "关闭-x_y"}
    page = ROOT / "README.md"
    assert list(broken_links(page, "[a](nowhere.md) [b](https://x/) [c](#no)")) == [
        "nowhere.md: there is no such file", "#no: there is no such heading"]
    assert wrong_command(tree, ["demo", "close", "-6"]) is None
    assert wrong_command(tree, ["bench", "bulk", "--mtu", "9000"]) is None
    assert wrong_command(tree, ["run", "--publish", "8080:80", "nc", "--fly"]) is None
    assert wrong_command(tree, ["run", "--fly", "nc"])
    assert commands_of("a 'b; c' & d | e") == [["a", "b; c"], ["d"], ["e"]]
    assert wrong_command(tree, ["fly"]) and wrong_command(tree, ["demo", "--fly"])
    assert wrong_command(tree, ["ss", "-tn"]) is None and wrong_command(tree, ["ss", "-tx"])


def main():
    failed = subprocess.run([ROOT / "scripts" / "pages", "--check"]).returncode != 0
    sys.stdout.flush()
    tree = json.loads(subprocess.run([COMMAND, "man", "--json"], check=True, capture_output=True,
                                     text=True).stdout)
    check_itself(tree)
    for page in every_page():
        text = page.read_text()
        wrong = list(broken_links(page, text))
        wrong += filter(None, (wrong_command(tree, words) for words in shown_commands(text)))
        print("\n".join([*wrong, f"{'not ok' if wrong else 'ok'} {page.relative_to(ROOT)}: links "
                                 "and commands"]))
        failed |= bool(wrong)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
