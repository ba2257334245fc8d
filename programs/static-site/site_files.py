"""Which files a site has: their content and their types."""

import base64
import binascii
import mimetypes

import pulumi

INDEX = 'index.html'
ERROR_PAGE = 'error.html'
# As S3 has it for what it knows nothing of.
UNKNOWN = 'application/octet-stream'
# Of all files together.
LARGEST = 6 * 1024 * 1024
# What no URL and no folder can have as a name.
REFUSED = ('', '.', '..')

# Text, or {"base64": …} for what is none.
Content = str | dict[str, str]


def site_files(
    content: str,
    further: dict[str, Content],
    error_page: str,
    content_types: dict[str, str],
) -> dict[str, tuple[Content, str]]:
    """Return each file's content and its content type, by its name.

    Raises pulumi.RunError when one cannot be.
    """
    given = {INDEX: content, **({ERROR_PAGE: error_page} if error_page else {}), **further}
    for name in given:
        _check_name(name)
    found = {
        name: (each, content_types.get(name) or _type_of(name)) for name, each in given.items()
    }
    if unknown := sorted(set(content_types) - set(found)):
        raise pulumi.RunError(f'content_types names {unknown[0]!r}, which is none of the files.')
    if sum(_size(name, each) for name, each in given.items()) > LARGEST:
        megabytes = LARGEST // 1024**2
        raise pulumi.RunError(f'The files are too large: together at most {megabytes} MiB.')
    return found


def _size(name: str, content: Content) -> int:
    if isinstance(content, str):
        return len(content.encode())
    try:
        return len(base64.b64decode(content['base64'], validate=True))
    except binascii.Error:
        raise pulumi.RunError(f'What files has for {name!r} is not base64.') from None


def _check_name(name: str) -> None:
    if any(part in REFUSED for part in name.split('/')):
        raise pulumi.RunError(f'A file cannot be called {name!r}: leave out empty parts and dots.')
    if not name.isprintable():
        raise pulumi.RunError(
            f'A file cannot be called {name!r}: it has characters that no one sees.'
        )


def _type_of(name: str) -> str:
    kind, encoding = mimetypes.guess_type(name, strict=False)
    if kind is None or encoding is not None:
        return UNKNOWN
    return f'{kind}; charset=utf-8' if kind.startswith('text/') else kind
