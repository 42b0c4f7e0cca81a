"""The names of a notebook, as its cells are added one by one."""

from collections.abc import Iterable, Sequence

from builder.course import BuildError
from builder.library import Definition, Library
from builder.names import Binding, free_names

Named = tuple[str, Binding]


class Namespace:
    """What every name stands for, and which names the shown functions depend on."""

    def __init__(self, library: Library) -> None:
        """Begin an empty notebook."""
        self.library = library
        self.bound: dict[str, set[Binding]] = {}
        self.needed: dict[str, tuple[Binding, str]] = {}  # and who needs it

    def bind(self, names: Iterable[Named]) -> None:
        """Note what names stand for; refuse what would break a function shown above."""
        for name, written in names:
            binding = self.library.canonical(written)
            if name in self.needed:
                self._protect(name, binding)
            old = self.bound.get(name, set())
            joins = all(stand_together(name, binding, other) for other in old)
            self.bound[name] = {*old, binding} if joins else {binding}

    def _protect(self, name: str, binding: Binding) -> None:
        """Refuse a new meaning of a name that a shown function needs."""
        need, reader = self.needed[name]
        if accepts(need, binding) or stand_together(name, need, binding):
            return
        raise BuildError(
            f"this cell binds `{name}`, which {reader}, shown above, needs as "
            f"`{need.statement(name)}`; choose another name"
        )

    def imports_for(self, definitions: Sequence[Definition]) -> list[Named]:
        """The imports that shown sources need and no cell so far has bound; bound now.

        Raises BuildError for a name that cannot be found, is private, or stands for
        something else in a cell above.
        """
        self.bind((d.name, d.binding) for d in definitions)
        missing: list[Named] = []
        for definition in definitions:
            for name in sorted(free_names(definition.source)):
                need = self._resolve(name, definition)
                have = self.bound.get(name, set())
                if not any(accepts(need, binding) for binding in have):
                    self._refuse_clash(name, need, definition)
                    missing.append((name, need))
                    self.bind([(name, need)])
                self.needed[name] = (need, definition.name)
        return missing

    def _refuse_clash(self, name: str, need: Binding, definition: Definition) -> None:
        """Refuse to import a name that stands for something else already."""
        have = self.bound.get(name, set())
        if not all(stand_together(name, binding, need) for binding in have):
            raise BuildError(
                f"{definition.name} needs `{name}` as `{need.statement(name)}`, but a "
                "cell above binds it to something else; choose another name there"
            )

    def _resolve(self, name: str, definition: Definition) -> Binding:
        """What a global name of a shown source stands for in its own file."""
        module = self.library.module(definition.module)
        written = module.bindings.get(name) if module else None
        if written is None:
            raise BuildError(
                f"{definition.name} uses `{name}`, which {definition.module} does not "
                "bind by name; import or define it there"
            )
        need = self.library.canonical(written)
        is_private = name.startswith("_") and self.library.owns(need.module)
        if is_private and need not in self.bound.get(name, set()):
            raise BuildError(
                f"{definition.name} uses the private `{name}` of {need.module}; give "
                "it a public name, or show it in the same cell"
            )
        return need


def accepts(need: Binding, have: Binding) -> bool:
    """Whether a shown function may use what a name stands for.

    A definition in the lesson itself is accepted: the author replaces ours on purpose.
    """
    return have == need or have.kind == "definition"


def stand_together(name: str, a: Binding, b: Binding) -> bool:
    """Whether both are `import name.part`, so that one adds to the other."""
    return all(
        binding.kind == "import" and binding.module.partition(".")[0] == name
        for binding in (a, b)
    )
