"""The house: one name for one type in the whole tree."""

import ast
from collections import Counter
from pathlib import Path

SOURCES = sorted((Path(__file__).resolve().parents[1] / "src/lashley").rglob("*.py"))
ALIASED = {"Annotated", "Callable", "Literal", "Mapping", "Sequence", "dict", "list", "tuple"}


def types_of(path):
    """Names of the classes, and of types that are named by assignment, at a module's top level."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Subscript):
            kind = node.value.value
            if isinstance(kind, ast.Name) and kind.id in ALIASED:
                yield from (
                    t.id for t in node.targets if isinstance(t, ast.Name) and t.id[0].isupper()
                )


def test_a_type_name_is_defined_once():
    found = Counter(name for path in SOURCES for name in types_of(path) if not name.startswith("_"))
    assert len(found) > 200
    assert not {name: n for name, n in found.items() if n > 1}
