"""Blocks and notebooks become pages that stand alone."""

import re

import nbformat
import nbformat.v4 as made
import pytest
from markupsafe import Markup
from showcase import ATTACK, every_page, trend

from barberlab.errors import BadInput, GateFailed
from barberlab.reports import accessible, blocks, doors, pages

PAGE = every_page()


def shown(block) -> nbformat.NotebookNode:
    data = {"text/html": block._repr_html_(), "text/plain": "<Block>"}
    return made.new_code_cell("show(secret_code)", outputs=[made.new_output("display_data", data)])


def notebook(*cells) -> nbformat.NotebookNode:
    return made.new_notebook(cells=list(cells))


def printed(**data) -> nbformat.NotebookNode:
    kinds = {kind.replace("_", "/", 1): value for kind, value in data.items()}
    return made.new_code_cell("x", outputs=[made.new_output("display_data", kinds)])


def test_a_page_with_every_block_can_be_read_by_everyone():
    assert accessible.check(PAGE) == []


def test_a_page_stands_alone():
    html = PAGE
    assert not re.search(r"<script|<link(?! rel=\"icon\" href=\"data:,\")|@import|url\((?!#)|https?://", html)
    assert html.startswith('<!doctype html>\n<html lang="en">')
    for landmark in (
        '<a class="skip" href="#main">',
        '<header class="top">',
        '<nav class="toc" aria-label="Contents">',
        '<main id="main"',
    ):
        assert landmark in html


def test_an_attack_in_a_name_stays_text_on_the_whole_page():
    html = PAGE
    assert "<script" not in html.lower()
    assert html.count("&lt;script&gt;") > 20


def test_the_same_values_give_the_same_page():
    assert every_page() == PAGE


def test_figures_and_tables_are_numbered_in_their_order():
    numbers = re.findall(r'<span class="eyebrow">((?:Figure|Table) \d)</span>', PAGE)
    assert numbers == ["Figure 1", "Figure 2", "Figure 3", "Figure 4", "Figure 5", "Figure 6", "Table 1"]


def test_contents_lead_to_sections_even_if_two_have_one_name():
    body, contents = pages.compose([], [pages.Section("Prices", ()), pages.Section("Prices", (blocks.Paragraph("x"),))])
    assert contents == [("s-prices", "Prices"), ("s-prices-2", "Prices")]
    html = pages.page("T", body, contents=contents)
    assert '<li><a href="#s-prices-2">Prices</a></li>' in html
    assert '<section id="s-prices-2"><h2>Prices</h2>' in html


def test_a_remark_stands_at_its_section_and_nowhere_else():
    assert '<h2>Revenue</h2><p class="mar"><b>Like for like</b>' in PAGE
    with pytest.raises(BadInput, match=r"the section 'Profit'.*Revenue"):
        every_page(notes={"Profit": blocks.Remark("a", "b")})


def test_text_that_is_not_markup_is_escaped_in_a_section_and_refused_as_a_body():
    body, _ = pages.compose(["<b>x</b>"], [pages.Section("S", ("<i>y</i>",))])
    assert "&lt;b&gt;x" in body
    assert "&lt;i&gt;y" in body
    with pytest.raises(BadInput, match="must be Markup"):
        pages.page("T", "<p>x</p>")


def test_dark_and_light_can_be_asked_for():
    assert ":root[data-theme=dark]" in PAGE
    assert "prefers-color-scheme:dark" in PAGE


def test_a_notebook_is_published_without_its_code_prompts_streams_and_parameters():
    cells = notebook(
        made.new_markdown_cell("# How did June go?\n\nFor those at the desk."),
        made.new_code_cell('network = "demo"', metadata={"tags": ["parameters"]}),
        made.new_code_cell('network = "north"', metadata={"tags": ["injected-parameters"]}),
        made.new_code_cell("import x", execution_count=7, outputs=[
            made.new_output("stream", name="stderr", text="WARNING path"),
            made.new_output("stream", name="stdout", text="printed words"),
            made.new_output("execute_result", {"text/plain": "0.93"}, execution_count=7),
        ]),
        shown(blocks.Headline("June closed well", "Up by 4%.")),
        made.new_markdown_cell("## Revenue & more\n\nLook for *peaks*; it cost $5 or $6 once = \"x\"."),
        shown(trend()),
    )  # fmt: skip
    html = pages.from_notebook(cells, network="North", foot=blocks.Foot(("Run 1",)))
    assert accessible.check(html) == []
    for hidden in (
        "secret_code",
        "WARNING",
        "printed words",
        "0.93",
        "demo",
        "injected",
        "In [",
        "How did June",
        "<Block>",
    ):
        assert hidden not in html
    assert "<title>June closed well</title>" in html
    assert '<a href="#s-revenue-more">Revenue &amp; more</a>' in html
    assert "it cost $5 or $6 once" in html
    assert str(trend().wide) in html
    assert "data-barberlab" not in html


def test_without_a_headline_the_notebooks_question_is_the_title():
    html = pages.from_notebook(notebook(made.new_markdown_cell("# How did June go?\n\n## Revenue\n\nWell.")))
    assert '<header class="head"><h1>How did June go?</h1></header>' in html
    assert "<title>How did June go?</title>" in html
    assert accessible.check(html) == []


def test_reading_a_notebook_does_not_change_it():
    cells = notebook(made.new_markdown_cell("# T"), shown(trend()))
    before = nbformat.writes(cells)
    pages.from_notebook(cells)
    assert nbformat.writes(cells) == before


@pytest.mark.parametrize(
    "cell",
    [
        printed(text_html="<p>x</p><script>alert(1)</script>"),
        printed(text_html='<p onclick="x()">x</p>'),
        printed(text_html='<a href=" javascript:x()">x</a>'),
        printed(text_html="<iframe></iframe>"),
        made.new_markdown_cell("<script>alert(1)</script>"),
        printed(**{"application_javascript": "alert(1)"}),
        printed(**{"application_vnd.jupyter.widget-view+json": {"model_id": "x"}}),
        printed(image_png="aGVsbG8="),
    ],
    ids=["script", "handler", "address", "frame", "markdown", "javascript", "widget", "picture"],
)
def test_what_a_page_may_not_hold_is_refused_with_its_cell(cell):
    with pytest.raises(BadInput, match="cell 2"):
        pages.from_notebook(notebook(made.new_markdown_cell("# T"), cell))


def test_a_notebook_that_raised_is_not_published():
    error = made.new_output("error", ename="ValueError", evalue="a name", traceback=["a path"])
    with pytest.raises(GateFailed, match="cell 1 raised ValueError") as raised:
        pages.from_notebook(notebook(made.new_code_cell("x", outputs=[error])))
    assert "a name" not in str(raised.value)


def test_the_index_links_each_report_and_says_how_it_stands():
    entries = [
        pages.Entry("North", "Performance", "north/performance.html", "June 2025", "Mon 30 Jun 2025"),
        pages.Entry(ATTACK, "Shops", "", "", "", "bad", f"not renewed: {ATTACK}"),
    ]
    html = pages.index(entries, lede="Two networks.")
    assert accessible.check(html) == []
    assert '<a href="north/performance.html">Performance</a>' in html
    assert '<span class="tag t-bad">not renewed</span> Alder &lt;script&gt;' in html
    assert '<th scope="col">Network</th>' in html
    assert '<th scope="col">Network</th>' not in pages.index(entries[:1], network="North")


def test_an_index_of_nothing_says_so():
    html = pages.index([])
    assert "Nothing is published yet." in html
    assert accessible.check(html) == []


def test_a_body_with_its_own_title_gets_no_second_one():
    body = Markup("<h1>Own</h1>")
    assert pages.page("Other", body).count("<h1") == 1
    assert "<h1>Other</h1>" in pages.page("Other", Markup("<p>x</p>"))


def test_a_bar_under_the_head_leads_on_and_says_where_one_is():
    page = "<body><header>head</header><main></main></body>"
    found = doors.with_ways(page, [("/n/a/shops", "All <shops>"), ("/n/a/what-if", "What if")], "/n/a/what-if")
    assert '<a href="/n/a/shops">All &lt;shops&gt;</a>' in found
    assert '<a href="/n/a/what-if" aria-current="page">What if</a>' in found
    assert found.index("</header>") < found.index("What if") < found.index("<main>")
    assert doors.with_ways(page, [], "/n/a/") == page
