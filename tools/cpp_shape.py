"""The shape of C++ text: brackets, statements, functions, lambdas and where co_await stands.

No parser: it reads formatted code (braces always, macros that look like calls), finds what each
brace opens from the statement in front of it, and leaves the rest of the language alone.
"""
import dataclasses
import re

from cpp_text import blank, split_top

CLOSER = {"(": ")", "[": "]", "{": "}"}
CONTROL = re.compile(r"(?:else|do|try|if|for|while|switch|catch)\b")
LABEL = re.compile(r"\s*(?:case\b[^;]*?[^:]|default|public|private|protected)\s*:(?!:)\s*")
TYPE = re.compile(r"(?:^|[\s>)])(?:class|struct|union|enum)\b[^()=]*$")
SCOPE = re.compile(r"(?:inline\s+)?(?:namespace\b|extern\s*\"[^\"]*\"\s*$)")
LAMBDA_TAIL = re.compile(
    r"\s*(?:(?:mutable|noexcept|constexpr|static)\s*)*(?:(?:->|requires\b)[^;{}]*)?$")
NOT_A_NAME = re.compile(
    r"\b(?:requires|noexcept|decltype|alignas|explicit|__attribute__|sizeof)\s*$")
BEFORE_SUBSCRIPT = re.compile(r"[\w)\]\"'](?<!return)(?<!await)$")


@dataclasses.dataclass
class Bracket:
    """A bracket, the statement it stands in, and what it opens."""
    opening: int
    closing: int
    start: int               # of the statement in front of it
    parent: "Bracket | None"
    kind: str = "group"      # scope, function, lambda, block, init; group: ( or [
    statement: int = 0       # where the current statement inside it begins
    captures: str = ""       # of a lambda
    parameters: int = -1     # offset of a lambda's parameter list


class Shape:
    """Everything found in one text: `brackets`, `awaits` [(word, offset, bracket, start)], and
    `declarations` [(start, end)] of statements at class or namespace scope."""

    def __init__(self, text):
        self.text = blank(text)
        self.pairs, self.brackets, self.awaits, self.declarations = {}, [], [], []
        stack = []
        for i, c in enumerate(self.text):
            if c in CLOSER:
                stack.append(i)
            elif c in ")]}" and stack:
                self.pairs[stack.pop()] = i
        self.walk(Bracket(-1, len(self.text), 0, None, "scope"))

    def walk(self, inside):
        for match in re.finditer(r"[()\[\]{};]|\bco_(?:await|return|yield)\b", self.text):
            token, i = match.group(), match.start()
            if token in CLOSER:
                inside = Bracket(i, self.pairs.get(i, len(self.text)), inside.statement, inside,
                                 statement=i + 1)
                if token == "{":
                    self.classify(inside)
                self.brackets.append(inside)
            elif token in ")]}" and inside.parent:
                closed, inside = inside, inside.parent
                if closed.kind not in ("group", "init"):
                    inside.statement = i + 1
            elif token == ";":
                if inside.kind == "scope":
                    self.declarations.append((inside.statement, i))
                inside.statement = i + 1
            elif len(token) > 1:
                self.awaits.append((token, i, inside, inside.statement))

    def classify(self, brace):
        parent = brace.parent.kind
        head = self.head(brace.start, brace.opening)
        if self.find_lambda(brace):
            brace.kind = "lambda"
        elif parent in ("group", "init"):
            brace.kind = "init"
        elif parent == "scope":
            bare = re.sub(r"\b(?:alignas|__attribute__)\s*\((?:[^()]|\([^()]*\))*\)", "", head)
            followed = self.text[brace.closing + 1:].lstrip()[:1]
            before = re.sub(r"operator\s*[^\s(]+", "", head).split("(")[0]
            if SCOPE.match(bare) or TYPE.search(bare):
                brace.kind = "scope"
            else:
                callable_ = "(" in head and "=" not in before and followed not in (",", "{")
                brace.kind = "function" if callable_ else "init"
        else:
            if not head or CONTROL.match(head) or head.endswith(")"):
                brace.kind = "block"
            else:
                brace.kind = "scope" if TYPE.search(head) else "init"

    def head(self, start, end):
        """The statement's text in front of `end`, without labels and template parameter lists."""
        head, before = self.text[start:end].strip(), None
        while head != before:
            before = head
            head = LABEL.sub("", head, count=1) if LABEL.match(head) else head
            if re.match(r"template\s*<", head):
                depth, i = 1, head.index("<") + 1
                while depth and i < len(head):
                    depth += {"<": 1, ">": -1}.get(head[i], 0)
                    i += 1
                head = head[i:].strip()
        return head

    def find_lambda(self, brace):
        for i in range(brace.opening - 1, brace.start - 1, -1):
            if self.text[i] != "[" or "[" in (self.text[i - 1:i], self.text[i + 1:i + 2]):
                continue
            if BEFORE_SUBSCRIPT.search(self.text[brace.start:i].rstrip()):
                continue
            end = self.pairs.get(i, brace.opening) + 1
            after = re.compile(r"\s*(?:<[^{};()]*>\s*)?").match(self.text, end).end()
            has_list = self.text[after:after + 1] == "("
            tail = self.pairs.get(after, brace.opening) + 1 if has_list else after
            if LAMBDA_TAIL.match(self.text[tail:brace.opening]):
                brace.captures = self.text[i + 1:end - 1].strip()
                brace.parameters = after if has_list else -1
                return True
        return False

    def parameters(self, start, end, opening=-1):
        """The parameters in the head at start..end, or None if it is no function's."""
        head = self.head(start, end)
        begin = at = self.text.index(head, start) if head else end
        while opening < 0:
            at = self.text.find("(", at, end)
            name = re.sub(r"operator\s*[^\s(]+", "", self.text[begin:max(at, begin)])
            if at < 0 or "=" in name:
                return None
            if NOT_A_NAME.search(name) or re.search(r"\boperator\s*$", name):
                at = self.pairs.get(at, end)
            else:
                opening = at
        return split_top(self.text[opening + 1:self.pairs.get(opening, end)])
