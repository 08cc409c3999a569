"""Our values as JSON bytes: instants end in `Z`, numbers and text as they are."""

import orjson


def encode(value: object) -> bytes:
    """JSON of plain values; an aware UTC instant becomes `2026-11-20T12:00:00Z`.

    Text from providers may hold anything a database accepts, lone surrogates excepted, so this never fails on a row.
    """
    return orjson.dumps(value, option=orjson.OPT_UTC_Z)
