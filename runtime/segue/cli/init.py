"""segue init, and segue project: begin a project in a folder."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from segue.cli.errors import Usage
from segue.cli.output import say, say_table
from segue.cli.text import clean_line
from segue.deploying.project import RECIPES, begin_project

__all__ = ("app", "init")

app = App(name="project", help="Projects: begin one, list recipes for it.", help_epilogue="")
recipe_app = App(name="recipe", help="Recipes: how the code of a project comes to its workers.", help_epilogue="")
app.command(recipe_app)


@app.command
def init(
    *,
    name: Annotated[str | None, Parameter(help="What the project is called; by default as its folder.")] = None,
    recipe: Annotated[
        str | None, Parameter(help="How its code comes to the workers: local, git, s3; by default git in a clone.")
    ] = None,
    field: Annotated[
        list[str] | None,
        Parameter(name=["--field", "-f"], negative=(), help="What a recipe asks for: branch=main, bucket=code."),
    ] = None,
) -> None:
    """Begin a project in the current folder: the files that say what is deployed, and how. None is overwritten."""
    folder = Path.cwd()
    made = begin_project(folder, name=name, recipe=recipe, fields=_fields(field or []))
    if not made:
        say(f"The project in {folder} has all its files already; none was changed.")
        return
    say(f"A project is begun in {folder}, with these new files:")
    for file in made:
        say(f"  {file}")


@recipe_app.command
def ls() -> None:
    """List the recipes, with the fields that each asks for."""
    rows = [[name, recipe.about, ", ".join(recipe.fields(Path.cwd()))] for name, recipe in RECIPES.items()]
    say_table(("recipe", "for", "fields"), rows)


def _fields(pairs: list[str]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise Usage(f"--field {clean_line(pair, 60)!r} is not of the form key=value; write --field branch=main.")
        fields[name.strip()] = value
    return fields
