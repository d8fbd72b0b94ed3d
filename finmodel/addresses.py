"""Addresses as people may see them: of a URL that may hold a password, where it leads and no more.

A text of the environment comes in, a text for a sentence goes out. Knows no server.
"""

from __future__ import annotations

import re


def without_secret(uri: str) -> str:
    """Scheme, host and path: no name, no password, no query.

    >>> without_secret("postgresql://u:p@db:5432/mlflow?user=u&password=p")
    'postgresql://db:5432/mlflow'
    >>> without_secret("sqlite:////srv/home/mlflow.db")
    'sqlite:////srv/home/mlflow.db'
    """
    scheme, mark, rest = uri.partition("://") if "://" in uri else ("", "", uri)
    place = re.split("[?#]", rest, maxsplit=1)[0]
    if "@" in place:
        return f"{scheme}{mark}{place.rpartition('@')[2]}"
    # A password may hold ? or #, a query may hold @: where one cannot tell, nothing is told.
    return f"{scheme}{mark}{'…' if '@' in rest else place}"
