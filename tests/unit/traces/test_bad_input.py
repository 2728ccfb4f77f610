"""Every kind of bad input has its code and its line, and with ``on_error="skip"`` costs no more than its row."""

from __future__ import annotations

import gzip
import itertools
import os
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from equipoise import traces
from equipoise.errors import InputError
from equipoise.traces import source

HEADER = "vc,submit_s,num_gpu,duration_s\n"
GOOD = "nlp,0,8,60\n"
SACCT_HEADER = "JobID|Account|User|Submit|Start|Elapsed|Timelimit|AllocTRES|State\n"
SWF_ROW = "1 0 -1 5 2 -1 -1 2 9 -1 1 3 1 -1 0 -1 -1 -1\n"


def sacct(rest: str) -> bytes:
    """A sacct log of one row, from its submit time on."""
    return f"{SACCT_HEADER}1|nlp|ada|{rest}\n".encode()


def write(folder: Path, content: str | bytes, name: str = "log.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def refusal(path: Path, **options: Any) -> tuple[str, int, str]:
    with pytest.raises(InputError) as caught:
        traces.read(path, **options)
    place = caught.value.place
    assert place is not None
    assert place.file == str(path)
    return caught.value.code, place.line, caught.value.message


# What a row of a CSV file can have wrong with it: (row, code, words of the message).
BAD_ROWS = [
    ("nlp,0,8\n", "T108", "3 fields where 4 are expected"),
    ("nlp,0,8,60,x\n", "T108", "5 fields where 4 are expected"),
    ("nlp,soon,8,60\n", "T109", "'soon' is not a number"),
    ("nlp,0,eight,60\n", "T109", "'eight' is not a number"),
    ("nlp,0,8,1_000\n", "T109", "'1_000' is not a number"),
    ("nlp,0,8,0x10\n", "T109", "'0x10' is not a number"),
    ("nlp,,8,60\n", "T110", "no value for submit"),
    ("nlp,0,,60\n", "T110", "no value for gang"),
    ("nlp,0,8,\n", "T110", "no value for duration"),
    ("nlp,0,8,nan\n", "T110", "no value for duration"),
    ("nlp,-5,8,60\n", "T111", "submit -5000 is negative"),
    ("nlp,0,-8,60\n", "T111", "gang -8 is negative"),
    ("nlp,0,8,-60\n", "T111", "duration -60000 is negative"),
    ("nlp,0,8,-0.5\n", "T111", "duration -500 is negative"),
    ("nlp,1e400,8,60\n", "T112", "'1e400' is beyond anything real"),
    ("nlp,0,8,1e400\n", "T112", "'1e400' is beyond anything real"),
    ("nlp,0,8,inf\n", "T112", "'inf' is beyond anything real"),
    ("nlp,4611686018427387905,8,60\n", "T112", "beyond anything real"),
    ("nlp,0,8,9223372036854775808\n", "T112", "beyond anything real"),
    ("nlp,0,99999999999999999999999999,60\n", "T112", "beyond anything real"),
    ("nlp,0,2147483648,60\n", "T112", "'2147483648' is beyond anything real"),
    ('"nlp,0,8,60\n', "T113", "broken quoting"),
    ('"nlp"x,0,8,60\n', "T113", "broken quoting"),
]


@pytest.mark.parametrize(("row", "code", "words"), BAD_ROWS)
@pytest.mark.parametrize("name", ["log.csv", "log.csv.gz"])
def test_a_malformed_row_is_refused_with_its_line(tmp_path: Path, row: str, code: str, words: str, name: str) -> None:
    content = (HEADER + GOOD + "\n" + GOOD + row + GOOD).encode()
    path = write(tmp_path, gzip.compress(content) if name.endswith(".gz") else content, name)
    found, line, message = refusal(path)
    assert (found, line) == (code, 5)
    assert words in message


def test_a_date_that_is_written_otherwise_is_told_how_to_be_written(tmp_path: Path) -> None:
    path = write(tmp_path, 'vc,submitted,num_gpu,elapsed\nnlp,"03/02/2026 8:00 AM",8,1:30:00\n')
    found, line, message = refusal(path, columns={"submit": "submitted"})
    assert (found, line) == ("T109", 2)
    assert message == "'03/02/2026 8:00 AM' is not a date and time like 2026-03-02T08:00:00"


@pytest.mark.parametrize(("row", "code", "words"), BAD_ROWS)
def test_a_malformed_row_is_counted_on_request(tmp_path: Path, row: str, code: str, words: str) -> None:
    workload = traces.read(write(tmp_path, HEADER + GOOD + row + GOOD), on_error="skip")
    assert len(workload.jobs) == 2
    [skipped] = workload.skipped
    assert code in skipped.reason
    assert skipped.rows == 1
    assert skipped.examples == (f"{tmp_path / 'log.csv'}:3",)


def test_the_first_of_several_malformed_rows_is_named(tmp_path: Path) -> None:
    rows = ["nlp,0,x,60\n", "nlp,x,8,60\n", "nlp,0,8\n", "nlp,-1,8,60\n"]
    for order in itertools.permutations(rows):
        code = {rows[2]: "T108", rows[3]: "T111"}.get(order[0], "T109")
        assert refusal(write(tmp_path, HEADER + GOOD + "".join(order) + GOOD))[:2] == (code, 3)


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        (b"", "T105", 0),
        (b"\n \n\n", "T105", 0),
        (HEADER.encode(), "T105", 0),
        (HEADER.encode() + b"\n\n", "T105", 0),
        (b"\xef\xbb\xbf", "T105", 0),
        (b"; UnixStartTime: 5\n; MaxProcs: 8\n", "T105", 0),
        (SACCT_HEADER.encode(), "T105", 0),
        (b"hello\n", "T106", 1),
        (b"\n\nhello world\n", "T106", 3),
        (b"a,b,c\n1,2,3\n", "T107", 1),
        (b"vc,submit_s,num_gpu,num_gpu,duration_s\nx,1,1,1,1\n", "T107", 1),
        (b"JobID|State\n1|COMPLETED\n", "T107", 1),
        (HEADER.encode() + b"nlp,0,8,60\nnl\0p,0,8,60\n", "T103", 3),
        (HEADER.encode() + b"nlp,0,8,60\n\ncaf\xe9,0,8,60\n", "T103", 4),
        (HEADER.encode("utf-16"), "T103", 1),
        (b"\x28\xb5\x2f\xfd and so on", "T106", 0),
        (b"x" * (1 << 21), "T104", 1),
        (HEADER.encode() + b"n" * (1 << 21), "T104", 2),
        (b'"vc,submit_s\n1,2\n', "T113", 1),
        (b"PAR1 but no more", "T118", 0),
        (b"a" * (1 << 21) + b"," + HEADER.encode() + GOOD.encode(), "T104", 1),
        (HEADER.encode() + GOOD.encode() + b"nlp,9007199254740,1,1\n", "T112", 3),
        (b"; UnixStartTime: noon\n" + SWF_ROW.encode(), "T109", 1),
        (SWF_ROW.encode() + b"2 5 -1\n", "T108", 2),
        (SWF_ROW.encode() + SWF_ROW.encode().replace(b" 5 ", b" five "), "T109", 2),
        (SWF_ROW.encode() + SWF_ROW.encode().replace(b" 5 ", b" -7 "), "T111", 2),
        (sacct("yesterday|2024-01-01T00:00:00|00:10:00||gres/gpu=1|COMPLETED"), "T109", 2),
        (sacct("2024-01-01T00:00:00|2024-01-01T00:00:00|long||gres/gpu=1|COMPLETED"), "T109", 2),
        (sacct("2024-01-01T00:00:00|2024-01-01T00:00:00|00:10:00||gres/gpu=x|DONE"), "T109", 2),
        (sacct("2024-02-30T00:00:00|2024-01-01T00:00:00|00:10:00||gres/gpu=1|DONE"), "T109", 2),
    ],
)  # fmt: skip
def test_a_log_that_is_none_is_refused(tmp_path: Path, content: bytes, code: str, line: int) -> None:
    assert refusal(write(tmp_path, content, "log"))[:2] == (code, line)


def test_damage_to_the_file_is_an_error_even_when_rows_may_be_skipped(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER.encode() + GOOD.encode() + b"n\0p,0,8,60\n")
    assert refusal(path, on_error="skip")[:2] == ("T103", 3)


def test_a_cut_gzip_is_refused_with_the_line_it_reached(tmp_path: Path) -> None:
    rows = "".join(f"team{n % 7},{n},8,{n * 7919 % 1000}\n" for n in range(20_000))
    packed = gzip.compress((HEADER + rows).encode())
    code, line, message = refusal(write(tmp_path, packed[: len(packed) // 2], "log.csv.gz"))
    assert code == "T102"
    assert 1 <= line < 20_001
    assert "too early" in message


def test_a_damaged_gzip_is_refused(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress((HEADER + GOOD * 1000).encode()))
    packed[-6] ^= 0xFF  # the checksum
    assert refusal(write(tmp_path, bytes(packed), "log.csv.gz"))[0] == "T102"
    assert refusal(write(tmp_path, HEADER + GOOD, "plain.csv.gz"))[0] == "T102"


def test_gzip_is_known_by_its_content(tmp_path: Path) -> None:
    path = write(tmp_path, gzip.compress((HEADER + GOOD).encode()), "log.csv")
    assert len(traces.read(path).jobs) == 1


def test_a_cut_last_row_is_called_so(tmp_path: Path) -> None:
    code, line, message = refusal(write(tmp_path, HEADER + GOOD + "nlp,0,8"))
    assert (code, line) == ("T108", 3)
    assert "may be cut off" in message


def test_blank_lines_change_nothing_but_the_line_numbers(tmp_path: Path) -> None:
    blank = "\n" * 50
    with mock.patch.object(source, "BLOCK_BYTES", 16):
        path = write(tmp_path, blank + HEADER + blank + GOOD + blank)
        assert len(traces.read(path).jobs) == 1
        assert refusal(write(tmp_path, blank + HEADER + blank + GOOD + blank + "x\n"))[:2] == ("T108", 153)


def test_carriage_returns_and_a_byte_order_mark_change_nothing(tmp_path: Path) -> None:
    text = (HEADER + GOOD + "cv,5,2,30\n").replace("\n", "\r\n")
    workload = traces.read(write(tmp_path, b"\xef\xbb\xbf" + text.encode()))
    assert workload.teams == ("cv", "nlp")
    assert workload.jobs.duration_ms.tolist() == [60_000, 30_000]


def test_what_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert refusal(tmp_path / "pipe")[0] == "T101"
    assert refusal(tmp_path / "absent.csv")[0] == "T101"
    assert refusal(tmp_path, format="csv")[0] == "T101"
    assert refusal(tmp_path)[0] == "T105"  # a folder without minute series


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"format": "excel"}, "T117"),
        ({"on_error": "ignore"}, "T117"),
        ({"walltime": "guess"}, "T117"),
        ({"count": "disks"}, "T117"),
        ({"timezone": "Europe/Atlantis"}, "T117"),
        ({"timezone": "../../etc/passwd"}, "T117"),
        ({"savepoint_ms": -1}, "T117"),
        ({"columns": {"colour": "vc"}}, "T117"),
        ({"columns": {"gang": "absent"}}, "T107"),
        ({"columns": {"submit": "submit_s:fortnights"}}, "T117"),
        ({"unmapped": "cv", "leaves": ["nlp"]}, "T117"),
        ({"pool": "b200", "pools": ["h100", "a100"]}, "T120"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused(tmp_path: Path, options: dict[str, Any], code: str) -> None:
    path = write(tmp_path, HEADER + GOOD)
    with pytest.raises(InputError) as caught:
        traces.read(path, **options)
    assert caught.value.code == code


def test_a_log_in_which_nothing_can_run_says_why(tmp_path: Path) -> None:
    code, _, message = refusal(write(tmp_path, HEADER + "nlp,0,0,60\nnlp,0,0.5,60\nnlp,1,0,60\n"))
    assert code == "T121"
    assert "2 no GPU, 1 fractional GPU" in message


def test_jobs_that_wait_for_each_other_are_refused(tmp_path: Path) -> None:
    header = "job_id,vc,submit_s,num_gpu,duration_s,after\n"
    circle = write(tmp_path, header + "a,x,0,1,1,\nb,x,0,1,1,d\nc,x,0,1,1,b\nd,x,0,1,1,c\n")
    assert refusal(circle)[:2] == ("T119", 3)
    itself = write(tmp_path, header + "a,x,0,1,1,a\n")
    assert refusal(itself)[:2] == ("T119", 2)


def test_every_code_is_documented() -> None:
    root = Path(traces.__file__).parents[3]
    sources = "".join(path.read_text() for path in Path(traces.__file__).parent.glob("*.py"))
    page = (root / "docs" / "logs.md").read_text()
    codes = {f"T1{number:02d}" for number in range(1, 22)}
    assert {code for code in codes if f'"{code}"' in sources} == codes
    assert {code for code in codes if f"| {code} |" in page} == codes
