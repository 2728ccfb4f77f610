"""The tree against its recursive definition, its proofs against every change, its tiles against the whole."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equipoise.errors import EquipoiseError, InputError, VerificationError
from equipoise.ledger.tiles import (
    TILE_WIDTH,
    Tile,
    TileHashes,
    bundle,
    grown_tiles,
    parse_bundle,
    parse_path,
    parse_tile,
    tile_width,
)
from equipoise.ledger.tree import (
    MAX_SIZE,
    Frontier,
    MemoryHashes,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    leaf_hashes,
    root,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from tests.reference import merkle

LARGEST = 130
ENTRIES = [b"entry %d" % i for i in range(LARGEST)]
ROOTS = [merkle.mth(ENTRIES[:size]) for size in range(LARGEST + 1)]


def grown(entries: list[bytes]) -> tuple[Frontier, MemoryHashes]:
    log, kept = Frontier(), MemoryHashes()
    kept.extend(log.extend(leaf_hashes(entries)))
    return log, kept


LOG, KEPT = grown(ENTRIES)


def test_every_root_and_every_inclusion_proof_is_that_of_the_definition() -> None:
    for size in range(LARGEST + 1):
        assert root(size, KEPT) == root_of(leaf_hashes(ENTRIES[:size])) == ROOTS[size]
        for index in range(size):
            proof = inclusion_proof(index, size, KEPT)
            if size <= 40 or index in (0, size // 2, size - 1):
                assert proof == merkle.path(index, ENTRIES[:size])
            verify_inclusion(proof, index=index, size=size, leaf=leaf_hash(ENTRIES[index]), root=ROOTS[size])


def test_every_consistency_proof_is_that_of_the_definition() -> None:
    for new in range(1, LARGEST + 1):
        for old in range(1, new + 1):
            proof = consistency_proof(old, new, KEPT)
            if new <= 40 or old in (1, new // 2, new - 1):
                assert proof == merkle.proof(old, ENTRIES[:new])
            verify_consistency(proof, old_size=old, old_root=ROOTS[old], new_size=new, new_root=ROOTS[new])


def test_an_inclusion_proof_holds_for_no_other_place_size_or_leaf() -> None:
    for size in range(1, 20):
        for index in range(size):
            proof = inclusion_proof(index, size, KEPT)
            for other in range(20):
                for place in range(other):
                    same_place = (place, other) == (index, size)
                    for leaf in {index, place}:
                        if same_place and leaf == index:
                            continue
                        with pytest.raises(VerificationError):
                            verify_inclusion(
                                proof, index=place, size=other, leaf=leaf_hash(ENTRIES[leaf]), root=ROOTS[other]
                            )


def flips(data: bytes) -> list[bytes]:
    return [
        bytes([*data[: bit // 8], data[bit // 8] ^ 1 << bit % 8, *data[bit // 8 + 1 :]]) for bit in range(8 * len(data))
    ]


@pytest.mark.parametrize(("index", "size"), [(0, 1), (0, 2), (2, 3), (6, 7), (5, 8), (11, 13), (64, 130)])
def test_every_flipped_bit_of_an_inclusion_proof_is_caught(index: int, size: int) -> None:
    proof, leaf, wanted = inclusion_proof(index, size, KEPT), leaf_hash(ENTRIES[index]), ROOTS[size]
    changed = [
        ([*proof[:i], bad, *proof[i + 1 :]], leaf, wanted) for i, node in enumerate(proof) for bad in flips(node)
    ]
    changed += [(proof, bad, wanted) for bad in flips(leaf)] + [(proof, leaf, bad) for bad in flips(wanted)]
    changed += [(proof[:i] + proof[i + 1 :], leaf, wanted) for i in range(len(proof))]
    changed += [([*proof[:i], leaf, *proof[i:]], leaf, wanted) for i in range(len(proof) + 1)]
    changed += [([*proof[:i], proof[i][:-1], *proof[i + 1 :]], leaf, wanted) for i in range(len(proof))]
    for bad_proof, bad_leaf, bad_root in changed:
        with pytest.raises(VerificationError) as caught:
            verify_inclusion(bad_proof, index=index, size=size, leaf=bad_leaf, root=bad_root)
        assert caught.value.code == "L112"


@pytest.mark.parametrize(("old", "new"), [(1, 1), (1, 2), (2, 3), (3, 7), (4, 7), (6, 8), (8, 13), (65, 130)])
def test_every_flipped_bit_of_a_consistency_proof_is_caught(old: int, new: int) -> None:
    proof, first, second = consistency_proof(old, new, KEPT), ROOTS[old], ROOTS[new]
    changed = [
        ([*proof[:i], bad, *proof[i + 1 :]], first, second) for i, node in enumerate(proof) for bad in flips(node)
    ]
    changed += [(proof, bad, second) for bad in flips(first)] + [(proof, first, bad) for bad in flips(second)]
    changed += [(proof[:i] + proof[i + 1 :], first, second) for i in range(len(proof))]
    changed += [([*proof[:i], first, *proof[i:]], first, second) for i in range(len(proof) + 1)]
    for bad_proof, bad_first, bad_second in changed:
        with pytest.raises(VerificationError) as caught:
            verify_consistency(bad_proof, old_size=old, old_root=bad_first, new_size=new, new_root=bad_second)
        assert caught.value.code == "L113"


SIZES = st.one_of(st.integers(-2, 300), st.integers(-(2**70), 2**70), st.sampled_from([MAX_SIZE, MAX_SIZE + 1]))
HASHES = st.binary(min_size=31, max_size=33)


@given(proof=st.lists(HASHES, max_size=70), first=SIZES, second=SIZES, one=HASHES, two=HASHES)
def test_hostile_proofs_are_refused_and_nothing_else_happens(
    proof: list[bytes], first: int, second: int, one: bytes, two: bytes
) -> None:
    with pytest.raises(VerificationError):
        verify_inclusion(proof, index=first, size=second, leaf=one, root=two)
    if not (one == two and first == second):
        with pytest.raises(VerificationError):
            verify_consistency(proof, old_size=first, old_root=one, new_size=second, new_root=two)
    if not 0 <= first <= second <= MAX_SIZE:
        for make in (inclusion_proof, consistency_proof):
            with pytest.raises(InputError):
                make(first, second, KEPT)


@given(st.lists(st.integers(0, 70), max_size=6))
def test_batches_grow_the_same_tree_as_single_leaves(batches: list[int]) -> None:
    log, kept, size = Frontier(), MemoryHashes(), 0
    for batch in batches:
        leaves = leaf_hashes(b"entry %d" % i for i in range(size, size + batch))
        rows = log.extend(leaves)
        assert [len(row) for row in rows] == [
            n for level in range(64) if (n := ((size + batch) >> level) - (size >> level))
        ]
        kept.extend(rows)
        size += batch
        one_by_one = Frontier.read(size - batch, kept)
        for leaf in leaves:
            one_by_one.append(leaf)
        assert (one_by_one.size, one_by_one.peaks) == (log.size, log.peaks) == (size, log.copy().peaks)
        assert Frontier(size, log.peaks).root() == log.root() == root(size, kept)
    assert log.root() == merkle.mth([b"entry %d" % i for i in range(size)])


def test_peaks_that_do_not_fit_the_size_are_refused() -> None:
    for size, peaks in [(0, [bytes(32)]), (3, [bytes(32)]), (1, [bytes(31)]), (-1, []), (MAX_SIZE + 1, [])]:
        with pytest.raises(InputError):
            Frontier(size, peaks)


# --------------------------------------------------------------------------------------------------------------- tiles


def tiles_of(leaves: list[bytes], *sizes: int) -> dict[str, bytes]:
    """Write what a log writes at each of these sizes, as its growth says."""
    log, kept, files, before = Frontier(), MemoryHashes(), dict[str, bytes](), 0
    for size in sizes:
        kept.extend(log.extend(leaves[before:size]))
        for tile in grown_tiles(before, size):
            start = tile.index * TILE_WIDTH
            files[tile.path()] = b"".join(kept.read(8 * tile.level, start + i) for i in range(tile.width))
        before = size
    return files


@pytest.mark.parametrize("sizes", [(1,), (255, 256, 257), (70_000,), (3, 65_535, 65_536, 65_793, 66_000)])
def test_nodes_and_roots_read_from_tiles_are_those_of_the_tree(sizes: tuple[int, ...]) -> None:
    leaves = leaf_hashes(b"entry %d" % i for i in range(sizes[-1]))
    files = tiles_of(leaves, *sizes)
    whole = MemoryHashes()
    whole.extend(Frontier().extend(leaves))
    for size in sizes:
        tiles = TileHashes(size, lambda tile: files[tile.path()], kept=3)
        assert root(size, tiles) == root(size, whole)
        for index in {0, size // 3, size // 2, size - 1}:
            assert inclusion_proof(index, size, tiles) == inclusion_proof(index, size, whole)
            assert consistency_proof(index + 1, size, tiles) == consistency_proof(index + 1, size, whole)
        with pytest.raises(InputError):
            tiles.read(0, size)


def test_the_tiles_of_seventy_thousand_entries_are_those_of_the_specification() -> None:
    tiles = grown_tiles(0, 70_000, entries=True)
    levels = [[tile for tile in tiles if tile.level == level] for level in range(-1, 4)]
    assert [len(level) for level in levels] == [274, 274, 2, 1, 0]
    assert [[tile.width for tile in level if tile.width < 256] for level in levels[:4]] == [[112], [112], [17], [1]]
    assert [tile.path() for tile in grown_tiles(0, 256)] == ["tile/0/000", "tile/1/000.p/1"]


@given(st.integers(0, 2**20), st.integers(0, 3000))
def test_a_growth_names_each_tile_that_changed_and_no_other(old: int, more: int) -> None:
    named = set(grown_tiles(old, old + more))
    for level in range(4):
        last = (old + more) >> 8 * (level + 1)
        for index in range(max(0, (old >> 8 * (level + 1)) - 1), last + 2):
            before, after = tile_width(level, index, old), tile_width(level, index, old + more)
            assert (Tile(level, index, after) in named) == (before != after)


@given(st.integers(-1, 7), st.integers(0, 10**17), st.integers(1, 256))
def test_paths_of_tiles_come_back(level: int, index: int, width: int) -> None:
    tile = Tile(level, index, width)
    assert parse_path(tile.path()) == tile


@pytest.mark.parametrize(
    "path",
    [
        "", "tile/0/1", "tile/0/0001", "tile/00/001", "tile/8/000", "tile/0/x000/001", "tile/0/001/002", "tile/0/x001",
        "tile/0/001.p/0", "tile/0/001.p/256", "tile/0/001.p/05", "tile/0/001.p/", "tile/-1/001", "/tile/0/001",
        "tile/0/001\n", "tile/0/\u0660\u0660\u0661", "tile/entries/x001/x002/003.p/999", "tile/data/000", "tile/0/../001",
    ],
)  # fmt: skip
def test_what_is_not_the_path_of_a_tile_is_refused(path: str) -> None:
    with pytest.raises(VerificationError) as caught:
        parse_path(path)
    assert caught.value.code == "L114"


@given(st.one_of(st.text(), st.from_regex(r"tile/[0-9a-z]{1,7}/[x0-9/]{1,20}(\.p/[0-9]{0,4})?", fullmatch=True)))
def test_any_text_is_a_path_that_comes_back_or_is_refused(text: str) -> None:
    with contextlib.suppress(VerificationError):
        assert parse_path(text).path() == text


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_bundles_come_back_and_no_other_width_reads_them(entries: list[bytes]) -> None:
    data = bundle(entries)
    assert parse_bundle(data, width=len(entries)) == entries
    for width in {len(entries) - 1, len(entries) + 1} - {-1}:
        with pytest.raises(VerificationError):
            parse_bundle(data, width=width)


@given(st.binary(max_size=200), st.integers(0, 20))
def test_any_bytes_are_a_bundle_that_comes_back_or_are_refused(data: bytes, width: int) -> None:
    with contextlib.suppress(EquipoiseError):
        assert bundle(parse_bundle(data, width=width)) == data


def test_entries_and_tiles_of_the_wrong_length_are_refused() -> None:
    assert parse_bundle(bundle([bytes(0xFFFF)]), width=1) == [bytes(0xFFFF)]
    for refused in ([bytes(0x10000)], [b""] * 257):
        with pytest.raises(InputError):
            bundle(refused)
    for data, width in [(bytes(32), 2), (bytes(33), 1), (bytes(257 * 32), 256), (b"", 1)]:
        with pytest.raises(VerificationError):
            parse_tile(data, width=width)
