"""The proxy that the environment chooses."""

from __future__ import annotations

import pytest

from imagesmith.fetch.web import proxy_for


@pytest.mark.parametrize(
    ("environ", "proxy"),
    [
        ({}, None),
        ({"http_proxy": "http://p:1"}, "http://p:1"),
        ({"HTTP_PROXY": "http://p:1"}, "http://p:1"),
        ({"http_proxy": "http://p:1", "HTTP_PROXY": "http://q:1"}, "http://p:1"),
        ({"https_proxy": "http://p:1"}, None),
        ({"all_proxy": "http://p:1"}, "http://p:1"),
        ({"http_proxy": "", "all_proxy": ""}, None),
        ({"http_proxy": "http://p:1", "no_proxy": "deb.example.org"}, None),
        ({"http_proxy": "http://p:1", "no_proxy": "a, EXAMPLE.org:80"}, None),
        ({"http_proxy": "http://p:1", "no_proxy": ".example.org"}, None),
        ({"http_proxy": "http://p:1", "no_proxy": "*.example.org"}, None),
        ({"http_proxy": "http://p:1", "NO_PROXY": "*"}, None),
        ({"http_proxy": "http://p:1", "no_proxy": "ample.org,,example.com"}, "http://p:1"),
    ],
)
def test_the_environment_chooses_the_proxy(environ: dict[str, str], proxy: str | None) -> None:
    """Lower case first, the scheme's own before the one for all, and some hosts without."""
    assert proxy == proxy_for(environ, "http", "deb.example.org")
