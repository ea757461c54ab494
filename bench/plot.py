"""Bars, drawn as SVG: a panel for each kind of work, a bar for each who did it."""
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT, BAR, GAP, TITLE = 720, 80, 90, 18, 8, 34
STYLE = ("text{font:13px sans-serif;fill:#333}.t{font-weight:bold}.n{font-size:11px;fill:#777}"
         ".b{fill:#9aa5b1}.o{fill:#1f6feb}"
         "@media(prefers-color-scheme:dark){text{fill:#ddd}.n{fill:#999}.b{fill:#6b7683}.o{fill:#58a6ff}}")


def panel(title, bars, top):
    """Its elements and how high it is; the longest bar is as wide as there is room."""
    room = WIDTH - LEFT - RIGHT
    most = max(value for _, value in bars)
    yield f'<text class="t" x="8" y="{top + 20}">{escape(title)}</text>'
    for i, (name, value) in enumerate(bars):
        y = top + TITLE + i * (BAR + GAP)
        width = max(value / most * room, 1)
        kind = "o" if name == "lastack" else "b"
        yield f'<text x="{LEFT - 8}" y="{y + 14}" text-anchor="end">{escape(name)}</text>'
        yield f'<rect class="{kind}" x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR}" rx="2"/>'
        yield f'<text x="{LEFT + width + 6:.1f}" y="{y + 14}">{value:,.0f}</text>'


def bars(panels, note):
    """`panels` is [(title, [(name, value), ...]), ...]; `note` stands below them."""
    lines, top = [], 8
    for title, rows in panels:
        lines += panel(title, rows, top)
        top += TITLE + len(rows) * (BAR + GAP) + 10
    lines.append(f'<text class="n" x="8" y="{top + 12}">{escape(note)}; processor time, both ends together; '
                 'shorter is better</text>')
    height = top + 26
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
            f'height="{height}" role="img">\n<style>{STYLE}</style>\n' + "\n".join(lines) + "\n</svg>\n")
