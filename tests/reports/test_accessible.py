"""The gate of a page finds each thing that some readers could not read, and each thing that must not be there."""

import pytest
from showcase import every_page

from barberlab.reports import accessible

PAGE = every_page()


def planted(old: str, new: str) -> list[str]:
    assert old in PAGE, old
    return accessible.check(PAGE.replace(old, new, 1))


END = "</main>"
DEFECTS = [
    ('<html lang="en">', "<html>", "language: html has no lang"),
    ("<title>Report of", "<title></title><x>", "title: the document has none"),
    ('<main id="main" tabindex="-1">', '<div id="main">', "landmark: 0 main"),
    ("<h1>", "<h2>", "headings: 0 of level 1"),
    (END, f"<h1>Again</h1>{END}", "headings: 2 of level 1"),
    ("<h2>In five lines</h2>", "<h4>In five lines</h4>", "headings: h4 'In five lines' follows h1"),
    ("<h2>Prices</h2>", "<h2> </h2>", "headings: an empty h2"),
    (END, f'<img src="data:,">{END}', "picture: an img without alt"),
    ('role="img" aria-labelledby="', 'aria-labelledby="', "picture: an svg that is neither hidden nor role=img (in #"),
    ('<title id="june-closed-at-1-42m-w-t">', '<g id="june-closed-at-1-42m-w-t">', "role=img without title and desc"),
    ('role="img" aria-label="+10%, 5 to 15%"', 'role="img"', "role=img without title and desc, or aria-label"),
    ('<th scope="col">Shop</th>', "<th>Shop</th>", "table: th 'Shop' without scope"),
    (END, f"<table><tr><td>1</td></tr></table>{END}", "table: no th"),
    (">All reports</a>", "></a>", "link: one without words, to '../index.html'"),
    ('<a href="../index.html">', "<a>", "link: 'All reports' leads nowhere"),
    ('id="s-revenue"', 'id="s-prices"', "id: 's-prices' stands 2 times"),
    ('href="#s-revenue"', 'href="#s-profit"', "id: a refers to 's-profit', which is not on the page"),
    ("--ink3:#606C78;", "--ink3:#9AA5B1;", "contrast: --ink3 on --surface is 2.5, needs 4.5"),
    ("--good-soft:#E0F2EE;", "--good-soft:#4FC4AD;", "contrast: --good on --good-soft"),
    ("--line2:#667683;", "--line2:#28343C;", "contrast: --line2 on --surface is 1.3, needs 3.0"),
    ("--ref50:#B4BBC1;", "", "contrast: the colour --ref50 is used and not declared"),
    (END, f'<img alt="" src="https://cdn.example/x.png">{END}', "address: <img> src leads outside the page: 'https://cdn"),
    (END, f'<img alt="" src="x.png">{END}', "address: <img> src leads outside"),
    (END, f'<img alt="" srcset="//cdn.example/x.png">{END}', "address: <img> srcset leads outside"),
    ('href="data:,"', 'href="style.css"', "address: <link> href leads outside"),
    ('href="../index.html"', 'href="https://x.example"', "address: <a> href leads outside"),
    ('href="../index.html"', 'href="//x.example"', "address: <a> href leads outside"),
    ('href="../index.html"', 'href="/\\x.example"', "address: <a> href leads outside"),
    ('href="../index.html"', 'href="java\nscript:x()"', "address: <a> href leads outside"),
    ("*{box-sizing", "@import url(https://x.example/a.css);*{box-sizing", "address: a style fetches"),
    (END, f'<p style="background:url(//x.example/a.png)">x</p>{END}', "address: a style fetches '//x.example"),
    (END, f"<script>1</script>{END}", "script: a page may not hold <script>"),
    (END, f"<iframe></iframe>{END}", "script: a page may not hold <iframe>"),
    (END, f'<p onmouseover="x()">x</p>{END}', "script: <p> has onmouseover"),
    ("<title>", '<meta http-equiv="Refresh" content="0"><title>', "script: the page sends its reader elsewhere"),
]  # fmt: skip


def test_the_page_without_a_defect_passes():
    assert accessible.check(PAGE) == []


@pytest.mark.parametrize(("old", "new", "finding"), DEFECTS, ids=lambda text: text[:40])
def test_each_planted_defect_is_found(old, new, finding):
    found = planted(old, new)
    assert any(finding in said for said in found), found


def test_links_to_neighbouring_pages_and_data_addresses_pass():
    assert (
        planted(
            "</main>", '<p><a href="shop/s01.html#top">Shop</a><img alt="" src="data:image/png;base64,eA=="></p></main>'
        )
        == []
    )


def test_a_page_of_one_theme_is_not_enough():
    one = PAGE.replace("@media screen and (prefers-color-scheme:dark)", "@media none").replace("--ink:#E8EDF0;", "")
    assert any("colour schemes declared" in said for said in accessible.check(one))
