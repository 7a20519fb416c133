"""Write the pages that need nothing installed: they open from a file, work offline and ask no other host for anything.

    python website/build.py --mathjax FILE [--out FOLDER]

`make site` calls this with MathJax as npm packs it. The front page is the README, every notebook is a page as it is stored, with
its outputs; `widths` is the page with a slider, `reference` writes the API reference.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import nbformat
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import markdown2html_mistune
from pygments.formatters import HtmlFormatter

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from notebooks.build import notebooks, opening
from tools import references
from tools.files import ROOT, BuildError, read_text, replace_file, shown
from tools.processes import or_stopped
from website import reference, widths
from website.pages import LIVE, embedded, scripts
from website.pictures import sized

HERE = ROOT / "website"
FILES = {
    "CONTRIBUTING.md": "contributing.html",
    "CHANGELOG.md": "changelog.html",
    "figures/README.md": "figures.html",
    "figures/PAPERS.md": "papers.html",
    "notebooks/README.md": "notebooks.html",
}
"""Pages of prose beside the front page."""

MARKER = ".written-by-website-build"
"""A file in every folder that a build made, with the names of the files that the next one removes."""

COPIED = {
    "LICENSE": "LICENSE.txt",
    "CITATION.cff": "CITATION.cff.txt",
    "references.bib": "references.bib.txt",
    "website/block_explorer.webp": "figures/block_explorer.webp",
}
"""Files that pages refer to, and their names in the site."""


@cache
def templates() -> Environment:
    """Return the templates of this folder; a name that nobody gives is an error."""
    loader = FileSystemLoader(HERE / "templates")
    return Environment(loader=loader, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


@cache
def titles() -> dict[str, str]:
    """Return the title of every notebook by name, in the order in which they are read."""
    return {name: opening(path)[0] for name, path in notebooks().items()}


def framed(title: str, body: str, **around: str) -> str:
    """Return a whole page."""
    blanks = {"head": "", "before": "", "after": ""}
    frame = templates().get_template("frame.html.j2")
    return frame.render(title=title, body=body, titles=titles(), **{**blanks, **around})


def with_links_of_the_site(html: str) -> str:
    """Return `html` with the links between files of the checkout as links between pages, and none from a heading to itself."""
    html = re.sub(r'<a class="anchor-link".*?</a>', "", html)
    html = re.sub(
        r'(href|src)="\.\./', r'\1="', html
    )  # from a page of a folder to one of another: here they are side by side
    html = re.sub(r'href="(?:notebooks/)?(\w+)\.ipynb', r'href="\1.html', html)
    html = re.sub(r'src="(?:figures/)?out/', 'loading="lazy" src="figures/', html)
    html = html.replace('href="PAPERS.md', 'href="figures/PAPERS.md')  # from the page beside it
    for file, page in {**FILES, **COPIED, "README.md": "index.html"}.items():
        html = re.sub(rf'(href|src)="{re.escape(file)}', rf'\1="{page}', html)
    return references.linked(html, "references.html")


def prose_page(path: Path) -> str:
    """Return a Markdown file of the checkout as a page; between the README's markers of figures, pictures get room."""
    text = path.read_text(encoding="utf-8")
    title = text.partition("\n")[0].removeprefix("# ")
    html = with_links_of_the_site(markdown2html_mistune(text))
    html = html.replace("<!-- figures -->", '<div class="gallery">').replace("<!-- /figures -->", "</div>")
    return framed(title, html)


def notebook_pages() -> dict[str, str]:
    """Return a page for every notebook, as it is stored."""
    names = [*titles()]
    around = zip(["", *names], names, [*names[1:], ""], strict=False)
    return {f"{name}.html": notebook_page(name, before, after) for before, name, after in around}


@cache
def exporter() -> HTMLExporter:
    """Return what turns notebooks into HTML: one, since each compiles its templates anew.

    Highlighted code is not cleaned of foreign HTML, which takes longer than all else: Pygments has escaped what is in it.
    """
    template = read_text(HERE / "templates" / "notebook.html.j2")
    return HTMLExporter(raw_template=template, filters={"clean_html": lambda html: html})


def notebook_page(name: str, before: str, after: str) -> str:
    """Return one notebook as a page, with links to the one before and the one after it."""
    notebook = nbformat.read(notebooks()[name], as_version=4)
    body, _ = exporter().from_notebook_node(notebook)
    return framed(titles()[name], with_links_of_the_site(body), before=before, after=after)


def references_page() -> str:
    """Return the list of references; a key, on any page, leads to its entry here."""
    lines = [f'<li id="{key}">[{key}] {escape(references.reference(key))}</li>' for key in references.entries()]
    return framed("References", "\n".join(["<h1>References</h1>", "<ul>", *lines, "</ul>"]))


def widths_page() -> str:
    """Return the page with a slider."""
    script, plot = widths.page()
    body = templates().get_template("widths.html.j2").render(plot=plot)
    return framed("Width at a budget of weights", body, head=script)


def live_page(name: str) -> str:
    """Return a page with tables and a script of its own."""
    page = LIVE[name]
    tables = page.tables()
    body = templates().get_template(f"{name}.html.j2").render(tables=tables, title=page.title)
    head = "".join(f'<script defer src="live/{script}.js"></script>' for script in (*page.shared, name))
    return framed(page.title, f'<div class="live">\n{body}\n</div>\n{embedded(tables)}', head=head)


def with_pages_to_try(html: str) -> str:
    """Return the front page with the list of pages that answer behind its first picture: what it is about, then what to do."""
    place = html.index("</p>", html.index("<img")) + len("</p>")
    return f"{html[:place]}\n{templates().get_template('try.html.j2').render(pages=LIVE)}\n{html[place:]}"


def pages() -> dict[str, str]:
    """Return every page but those of the reference, by the name of its file."""
    prose = {"README.md": "index.html", **FILES}
    front = {page: prose_page(ROOT / file) for file, page in prose.items()}
    live = {f"{name}.html": live_page(name) for name in LIVE}
    front["index.html"] = with_pages_to_try(front["index.html"])
    return {**front, **notebook_pages(), **live, "references.html": references_page(), "widths.html": widths_page()}


def style() -> str:
    """Return the style sheet: that of this folder, and the colours of code."""
    colours = _colours("default")
    dark = f"@media screen and (prefers-color-scheme: dark) {{\n{_colours('github-dark')}\n}}"
    # What a session prints is no Python, but no mistake either.
    unmarked = ".highlight .err { border: 0; color: inherit; }\n"
    return f"{(HERE / 'templates' / 'style.css').read_text(encoding='utf-8')}\n{colours}\n{dark}\n{unmarked}"


def _colours(name: str) -> str:
    formatter: Any = HtmlFormatter(style=name, nobackground=True)
    return str(formatter.get_style_defs(".highlight"))


def assets(mathjax: Path) -> Mapping[str, Path]:
    """Return the files that are copied as they are, by where they go."""
    pictures = {f"figures/{path.name}": path for path in sorted((ROOT / "figures" / "out").glob("*.svg"))}
    texts = {to: ROOT / file for file, to in COPIED.items()}
    return {**pictures, **texts, "mathjax/tex-svg.js": mathjax}


def build(folder: Path, mathjax: Path) -> None:
    """Write the whole site into `folder`; what an earlier build left there is removed, and nothing else ever is."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise BuildError(f"--out {shown(folder)} is not a folder: name one that does not exist yet")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MARKER).is_file():
        raise BuildError(
            f"--out {shown(folder)} holds files that no build of the site wrote: name an empty folder, or remove it"
        )
    # All pages first, so that one that cannot be made leaves the old site.
    api = {f"api/{name}": text for name, text in reference.pages(HERE / "templates" / "reference").items()}
    files = assets(mathjax)
    shown_pages = {name: sized(text, files) for name, text in pages().items()}
    contents = {name: text.encode() for name, text in {**shown_pages, **api, **scripts(), "style.css": style()}.items()}
    contents |= {name: path.read_bytes() for name, path in files.items()}
    clear(folder)
    replace_file(folder / MARKER, "".join(f"{name}\n" for name in contents).encode())
    for name, content in contents.items():
        replace_file(folder / name, content)


def rebuild(folder: Path, names: Sequence[str]) -> None:
    """Write only some of the pages that answer, with scripts and style, into the site in `folder`: for who works on one."""
    for name in names:
        if name not in LIVE:
            raise BuildError(f"--only {name} is no page that answers: use one of {', '.join(LIVE)}")
    made = {**{f"{name}.html": live_page(name) for name in names}, **scripts(), "style.css": style()}
    for name, text in made.items():
        replace_file(folder / name, text.encode())


def clear(folder: Path) -> None:
    """Remove what an earlier build wrote into a folder; what somebody put beside it stays."""
    written = read_text(folder / MARKER).splitlines() if (folder / MARKER).is_file() else []
    for place in (folder / name for name in written):
        if place.is_file() and place.resolve().is_relative_to(folder.resolve()):
            place.unlink()
    for place in sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True):
        if not any(place.iterdir()):
            place.rmdir()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mathjax", type=Path, required=True, metavar="FILE", help="tex-svg.js of npm's mathjax")
    parser.add_argument("--out", type=Path, default=ROOT / "site", metavar="FOLDER", help="site by default")
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="NAME", help="write only these pages that answer, anew"
    )
    options = parser.parse_args(arguments)
    if not options.mathjax.is_file():
        parser.error(f"--mathjax {options.mathjax}: there is no such file; make site fetches it from npm")
    try:
        rebuild(options.out, options.only) if options.only else build(options.out, options.mathjax)
    except BuildError as error:
        sys.exit(f"website: {error}")
    print(f"Open {options.out / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(or_stopped(main))
