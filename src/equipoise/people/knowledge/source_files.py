"""Which files count: programs and markup written here, not what others wrote, what programs wrote, or what explains.

Avelino et al. (ICPC 2016) drop what GitHub's Linguist does not count towards a repository's languages. The lists here are a
selection from the types and path rules that Linguist documents; a file's content is never read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase

_PROGRAMS = """
4th ada adb ads agda ahk applescript as asm asp aspx awk bas bash bat bazel bzl c c++ cc cl clj cljc cljs cls cmake cmd
coffee cob cpp cs csh ctl cu cuh cxx d dart dpr e el elm erl ex exs f f03 f08 f77 f90 f95 fish for fs fsi fsx gd glsl go
gradle groovy h h++ hh hlsl hpp hs hx hxx i idr inl ino ipp ipynb java jl js jsx kt kts l lean lhs lisp lsp lua m m4 mjs
ml mli mm mo mojo nim nix nu odin p4 pas php php3 php4 php5 phtml pl plx pm pony pp prolog proto ps1 psm1 psd1 purs py
pyi pyx pxd pxi q qml r rake rb rkt rs s sas sbt scala scm sed sh sml sol sql ss st sv svh swift t tcl tf thrift triton
ts tsx v vala vb vbs vhd vhdl vim wat wgsl xsl xslt y yy zig zsh cjs cts mts metal slurm sbatch
"""
_MARKUP = """
css scss sass less styl html htm xhtml vue svelte astro hbs handlebars mustache ejs erb haml jade pug slim twig liquid
njk jsp tex sty
"""
_WITHOUT_EXTENSION = """
makefile gnumakefile dockerfile containerfile jenkinsfile rakefile gemfile vagrantfile meson.build build workspace
cmakelists.txt sconstruct justfile snakefile
"""

PROGRAMS = frozenset(_PROGRAMS.split())
MARKUP = frozenset(_MARKUP.split())
WITHOUT_EXTENSION = frozenset(_WITHOUT_EXTENSION.split())

NOT_OURS = re.compile(
    r"""(?ix)
    (?:^|/)(?:
        node_modules | bower_components | vendors? | third[-_]?party | 3rd[-_]?party | externals? | extern | deps
      | dist | site-packages | \.?venv | godeps | carthage/checkouts | pods | \.yarn
      | documentation | javadoc | samples?
    )/
  | ^(?:docs? | man | examples | demos?)/
  | \.min\.(?:js|css)$ | [.-]bundle\.js$ | (?:^|/)(?:jquery|bootstrap|d3|mootools|prototype)[^/]*\.min\.[^/]*$
  | _pb2(?:_grpc)?\.pyi?$ | \.pb\.(?:go|cc|h)$ | \.g\.dart$ | (?:^|/)zz_generated[^/]*\.go$
    """
)


def is_source(path: str) -> bool:
    """Whether a file is a program or markup that people here wrote, as far as its path tells.

    Examples
    --------
    >>> [is_source(path) for path in ("src/core.js", "test/index.html", "external/qunit/qunit.js", "README.md", "Makefile")]
    [True, True, False, False, True]
    """
    name = path.rpartition("/")[2].lower()
    stem, dot, extension = name.rpartition(".")
    known = extension in PROGRAMS or extension in MARKUP if dot and stem else False
    return (known or name in WITHOUT_EXTENSION) and not NOT_OURS.search(path)


def chosen(kind: str, excluded: Iterable[str] = ()) -> Callable[[str], bool]:
    """Return the test whether a path counts.

    Parameters
    ----------
    kind : str
        ``source`` or ``all``.
    excluded : iterable of str
        Patterns of paths that do not count besides; ``*`` also stands for slashes.
    """
    patterns = tuple(excluded)
    of_kind = is_source if kind == "source" else _any
    return lambda path: of_kind(path) and not any(fnmatchcase(path, pattern) for pattern in patterns)


def _any(path: str) -> bool:
    return bool(path)
