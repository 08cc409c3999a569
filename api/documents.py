"""Answers that are no JSON of the API: whole documents with an ETag, 304 when the caller has the same."""

from hashlib import blake2b

from flask import Response, request


def document(body: str, content_type: str, cache_control: str, *, status: int = 200) -> Response:
    """The document; a HEAD gets its headers, a caller who already has it 304."""
    content = body.encode()
    digest = blake2b(content, digest_size=12).hexdigest()
    # Weak, because it stands for the content, whatever its encoding on the way.
    headers = {"ETag": f'W/"{digest}"', "Cache-Control": cache_control}
    if status == 200 and request.if_none_match.contains_weak(digest):
        return Response(status=304, headers=headers)
    return Response(content, status, headers, content_type=content_type)
