"""A careful look that finds nothing wrong with a bad page would be worth nothing: here is one, bad in each way."""

import pytest

from browser import looks

BAD = {
    "<input>": "label (critical)",
    '<p style="color:#bbb;background:#fff">Twelve visits</p>': "color-contrast (serious)",
    '<div style="width:100px;overflow:auto"><p style="width:500px">Wide</p></div>': "cut off: 100 px show 500",
    '<div style="width:3000px">Wider than any window</div>': "cut off",
    '<p style="font-size:9px">Nine visits</p>': "tiny: 9.0 px",
    '<svg viewBox="0 0 100 10" width="50"><text y="9" font-size="14">Ten</text></svg>': "tiny: 7.0 px",
}


@pytest.fixture
def page(browser):
    """An empty page of nobody."""
    context = browser.new_context(viewport=looks.SIZES["phone"])
    yield context.new_page()
    context.close()


def found(page, body: str) -> str:
    """What a look finds wrong with a page that is sound but for its body."""
    page.set_content(f'<!doctype html><html lang="en"><title>A page</title><main><h1>A page</h1>{body}</main></html>')
    return "\n".join([*looks.axe(page), *looks.sideways(page), *looks.tiny(page)])


@pytest.mark.parametrize("body", BAD)
def test_what_is_wrong_is_found(page, body):
    assert BAD[body] in found(page, body)


def test_a_sound_page_passes(page):
    assert found(page, "<p>Twelve visits</p>") == ""
