"""What the scripts of the tests say: `ok NAME` or `not ok NAME` for each thing checked."""
failures = 0


def check(name, good, *details):
    """One line; the details only where it is not so."""
    global failures
    failures += not good
    if not good:
        print("\n".join(str(detail) for detail in details if detail != ""))
    print(f"{'ok' if good else 'not ok'} {name}\n", end="", flush=True)  # whole, also from threads
    return good


def status():
    """The exit code of a script that has checked all it wanted to."""
    return 1 if failures else 0
