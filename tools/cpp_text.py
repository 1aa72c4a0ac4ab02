"""C++ text without its comments and literals, as long as before, so that offsets stay true."""
import re

# One alternative per thing that may hide code; a digit separator is not a character literal.
HIDDEN = re.compile(
    r"""//(?:[^\n\\]|\\.|\\\n)*|/\*.*?\*/|R"(?P<raw>[^\s()\\]{0,16})\(.*?\)(?P=raw)"|"""
    r""""(?:[^"\\\n]|\\.)*"|(?<![0-9A-Fa-f])'(?:[^'\\\n]|\\.)+'""", re.S)
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n\\]|\\\n|\\.)*", re.M)


def spaces(text):
    """As long as `text`, with its line ends."""
    return re.sub(r"[^\n]", " ", text)


def blank(text, directives=True):
    """`text` with comments, insides of literals and preprocessor lines spaced out; offsets stay."""
    def hide(match):
        found = match.group()
        if found[0] == "/":
            return spaces(found)
        first = found.index('"') + 1 if found[0] == "R" else 1
        return found[:first] + spaces(found[first:-1]) + found[-1]
    text = HIDDEN.sub(hide, text)
    return DIRECTIVE.sub(lambda match: spaces(match.group()), text) if directives else text


def split_top(text):
    """Splits at commas that stand outside brackets, angle brackets included."""
    flat, depth = "", 0
    for previous, c in zip(" " + text, text):
        depth += (c in "([{<") - (c in ")]}" or (c == ">" and previous not in "-="))
        flat += "\n" if c == "," and depth <= 0 else c.replace("\n", " ")
    return [part for part in flat.split("\n") if part.strip()]
