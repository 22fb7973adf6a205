"""What a text file's first lines tell: what it is encoded in, and what its fields are separated by."""

from __future__ import annotations

import csv

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "spaces"}
BINARY = {
    b"PK\x03\x04": "a zip or Excel file (save the sheet as CSV)",
    b"\x1f\x8b": "a gzip file (unpack it first)",
    b"PAR1": "a Parquet file (name it .parquet)",
    b"\x93NUMPY": "a NumPy file (name it .npy)",
    b"\xd0\xcf\x11\xe0": "an old Excel file (save the sheet as CSV)",
}


def encodings(sample: bytes) -> list[str]:
    """What the file may be encoded in, the likeliest first."""
    for mark, name in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if sample.startswith(mark):
            return [name]
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    half = max(len(sample) // 4, 1)
    if odd > half and not even:
        return ["utf-16-le"]
    if even > half and not odd:
        return ["utf-16-be"]
    return ["utf-8", "cp1252", "latin-1"]


def delimiter_of(lines: list[str], path: str) -> str:
    """The delimiter that cuts every line into the same number of fields, the larger number first."""
    usual = "\t" if path.lower().endswith((".tsv", ".tab")) else ","
    found = []
    for mark in (usual, *(d for d in DELIMITERS if d not in (usual, " "))):
        try:
            counts = [len(row) for row in csv.reader(lines, delimiter=mark, skipinitialspace=True) if row]
        except csv.Error:
            continue
        same = sum(c == counts[0] for c in counts) / len(counts)
        if counts[0] > 1:
            found.append((same == 1, same > 0.5, counts[0], mark))
    if found:
        return max(found, key=lambda f: f[:3])[-1]
    fields = [line.split() for line in lines if line.strip()]
    rest = [f for row in fields[1:] for f in row]
    if len(fields) > 1 and len({len(f) for f in fields}) == 1 < len(fields[0]) and all(map(is_number, rest)):
        return " "
    return usual


def other_delimiter(text: str, delimiter: str, width: int) -> str | None:
    """The delimiter that would cut a row into as many fields as there are columns."""
    return next((d for d in ",;\t|" if d != delimiter and text.count(d) == width - 1 > 0), None)


def is_number(text: str) -> bool:
    """Whether a text is a number as files write it: float() alone would take 1_000."""
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


def counted(names: list[str]) -> bool:
    """Whether the names are 0, 1, 2 … or 1, 2, 3 …, as pandas writes them."""
    return len(names) > 3 and any(names == [str(i + s) for i in range(len(names))] for s in (0, 1))
