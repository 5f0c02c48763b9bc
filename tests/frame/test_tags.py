"""The tags that put components on a page."""

from __future__ import annotations

from typing import Any

import pytest
from django.template import Context, Template, TemplateSyntaxError, engines
from django.test import RequestFactory

HOSTILE = '"><script>alert(1)</script>'


def render(source: str, **context: Any) -> str:
    return Template("{% load mam_ui %}" + source).render(Context(context))


def test_a_component_escapes_what_it_is_given() -> None:
    html = render('{% ui "button" label=text hx_post=text title=text %}{{ name|breakable }}', text=HOSTILE, name=HOSTILE)
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_attributes_come_from_prefixed_arguments() -> None:
    html = render(
        '{% ui "button" label="Scan" hx_post="/scan" data_id=7 aria_pressed="true" hx_vals=values hx_get=None %}', values={"a": 1}
    )
    assert 'hx-post="/scan"' in html
    assert 'data-id="7"' in html
    assert 'aria-pressed="true"' in html
    assert 'hx-vals="{&quot;a&quot;: 1}"' in html
    assert "hx-get" not in html


def test_a_component_sees_nothing_of_the_page_but_the_request() -> None:
    assert "secret" not in render('{% ui "notice" %}', text="secret")


def test_body_and_slots_are_rendered_with_the_pages_own_context() -> None:
    html = render(
        '{% component "panel" title="T" %}<p>{{ word }}</p>{% slot actions %}<b>{{ word }}</b>{% endslot %}{% endcomponent %}', word="<w>"
    )
    assert "<p>&lt;w&gt;</p>" in html
    assert "<b>&lt;w&gt;</b>" in html
    assert html.index("<b>") < html.index("<p>")


def test_an_empty_slot_is_as_if_it_were_not_there() -> None:
    html = render('{% component "panel" title="T" %}x{% slot foot %}{% if no %}y{% endif %} {% endslot %}{% endcomponent %}')
    assert "panel-foot" not in html


@pytest.mark.parametrize("source", ["{% component %}{% endcomponent %}", "{% slot %}{% endslot %}"])
def test_a_component_without_a_name_is_a_mistake_of_the_template(source: str) -> None:
    with pytest.raises(TemplateSyntaxError):
        render(source)


def test_sorting_by_the_present_column_turns_it_round_and_starts_at_the_first_page() -> None:
    request = RequestFactory().get("/files/", {"ordering": "name", "cursor": "abc", "kind": "video"})
    ascending = render('{% sort_header "name" "Name" ordering="name" %}', request=request)
    assert 'aria-sort="ascending"' in ascending
    assert 'href="/files/?kind=video&amp;ordering=-name"' in ascending
    other = render('{% sort_header "size" "Size" ordering="name" %}', request=request)
    assert 'aria-sort="none"' in other
    assert "ordering=size" in other


def test_the_pager_keeps_the_filters() -> None:
    request = RequestFactory().get("/files/", {"kind": "video", "cursor": "old"})
    html = render('{% ui "pager" next="new" %}', request=request)
    assert 'href="/files/?kind=video&amp;cursor=new"' in html
    assert 'aria-disabled="true"' in html
    assert render('{% ui "pager" %}', request=request).strip() == ""


def test_the_title_of_a_page_is_also_its_heading() -> None:
    child = engines["django"].from_string('{% extends "base.html" %}{% block title %}Here{% endblock %}')
    html = child.render({})
    assert "<title>Here ·" in html
    assert "<h1>Here</h1>" in html


def test_long_names_break_after_separators_only() -> None:
    assert render("{{ name|breakable }}", name="2026/메인_이벤트.mxf") == "2026/<wbr>메인_<wbr>이벤트.<wbr>mxf"


@pytest.mark.parametrize(("share", "dash"), [(None, "0 100"), (0.625, "62 100"), (2, "100 100"), (-1, "0 100")])
def test_a_ring_stays_within_its_round(share: float | None, dash: str) -> None:
    assert render("{{ share|ring_dash }}", share=share) == dash
