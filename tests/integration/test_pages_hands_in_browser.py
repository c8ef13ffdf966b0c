"""By keyboard alone and without script, in a real browser: what people do on the pages is done."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pages_kit
import pytest
from browsed import LANGUAGES, broken_rules, english_on, mended, opened, settings_of
from hubkit import Project
from serving import attended, served
from test_quarantine_commands import BAD_NAME, user

from pophub.commands.attendant import take_up
from pophub.commands.replayer import Moving
from pophub.commands.requests import ask
from pophub.postgres import connect
from pophub.web.app import create_pages

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("default"),  # a replay loads Great Expectations, which has warnings of its own
]
FOCUS = """(() => {
  const e = document.activeElement, s = getComputedStyle(e), b = e.getBoundingClientRect(), row = e.closest('tr');
  const left = Math.max(b.left, 0), right = Math.min(b.right, innerWidth), up = Math.max(b.top, 0), down = Math.min(b.bottom, innerHeight);
  const top = document.elementFromPoint((left + right) / 2, (up + down) / 2);
  return {text: e.innerText?.trim() ?? '', row: row ? row.innerText : '', visible: s.outlineStyle !== 'none'
    && parseFloat(s.outlineWidth) >= 2 && right > left && down > up && !!top && (e.contains(top) || top.contains(e))};
})()"""
MOST_TABS = 900


def press(page: Any, text: str, row: str = "", key: str = "Enter") -> None:
    """Go on with Tab to something that says so, in a row that says so, always seeing where the focus is; press it."""
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        at = page.evaluate(FOCUS)
        assert at["visible"], f"the focus cannot be seen on {at}"
        if text in at["text"] and row in at["row"]:
            with page.expect_navigation():
                page.keyboard.press(key)
            return
    raise AssertionError(f"{text} cannot be reached on {page.url}")


def follow(page: Any, thing: Any) -> None:
    """Click something and wait for the page that it leads to."""
    with page.expect_navigation():
        thing.click()


def over(page: Any) -> None:
    """Look again, without script, until a preview or a replay is over."""
    for _ in range(200):
        if not page.get_by_role("link", name="Look again").count():
            return
        page.wait_for_timeout(300)
        follow(page, page.get_by_role("link", name="Look again"))


def seen_over(page: Any) -> None:
    """Wait until the page itself has seen that it is over."""
    page.wait_for_selector("[data-again]", state="detached", timeout=60_000)


def test_by_keyboard_alone_a_person_comes_from_the_first_page_to_a_group_that_is_replayed(
    chromium: Any, project: Project
) -> None:
    mended(project)
    settings = settings_of(project)
    app = create_pages(settings, visitor=pages_kit.operator)
    with (
        attended(settings),
        served(app) as hub,
        opened(chromium, viewport={"width": 1280, "height": 900}) as (page, wrong),
    ):
        page.goto(f"{hub}/?lang=en")
        press(page, "held", project.stem)
        press(page, "", project.stem)
        press(page, "all with this cause", "contract.date.format")
        assert page.locator("h1").inner_text()
        press(page, "Preview a replay")
        seen_over(page)
        assert "3 would pass, 1 stay" in page.inner_text("main")
        press(page, "Replay now", key="Space")
        seen_over(page)
        assert "3 passed, 1 stayed" in page.inner_text("main")
    assert wrong == []
    assert project.states() == {"shared": 3, "quarantined": 1}


def test_without_script_a_group_is_previewed_and_replayed(chromium: Any, project: Project) -> None:
    mended(project)
    settings = settings_of(project)
    app = create_pages(settings, visitor=pages_kit.operator)
    with attended(settings), served(app) as hub, opened(chromium, java_script_enabled=False) as (page, wrong):
        group = f"stem={project.stem}&code=contract.date.format&field=birth_date"
        page.goto(f"{hub}/quarantine/group?lang=en&{group}")
        follow(page, page.get_by_role("button", name="Preview a replay"))
        over(page)
        assert "3 would pass, 1 stay" in page.inner_text("main")
        follow(page, page.get_by_role("button", name="Replay now"))
        over(page)
        assert "3 passed, 1 stayed" in page.inner_text("main")
    assert wrong == []
    assert project.states() == {"shared": 3, "quarantined": 1}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_page_of_a_preview_tells_by_itself_how_far_it_is(
    chromium: Any, project: Project, lang: str
) -> None:
    mended(project)
    settings = settings_of(project)
    chosen = {
        "stem": project.stem,
        "code": "contract.date.format",
        "field": "birth_date",
        "state": "quarantined",
    }
    with (
        served(create_pages(settings, visitor=pages_kit.operator)) as hub,
        opened(chromium) as (page, wrong),
        closing(connect(settings, "pophub_owner")) as owner,
    ):
        number = ask(owner, "preview", project.stem, "Oanh", chosen)
        page.goto(f"{hub}/quarantine/work/{number}?lang={lang}")
        moving, flaws = Moving(owner, number), list[str]()
        for judged, value in ((0, None), (1_000, "1000"), (1_500, "2500")):
            if judged:
                moving(judged, 4_000)
                page.wait_for_selector(f"progress[value='{value}'][max='4000']")
            page.evaluate("document.querySelector('#work a').focus()")
            flaws += broken_rules(page) + (sorted(english_on(page)) if lang == "vi" else [])
        take_up(owner, settings, "preview")
        page.get_by_role("button").wait_for()
        assert page.evaluate("document.activeElement.localName") == "button", (
            "who was at the link is at what came for it"
        )
        flaws += broken_rules(page)
        assert wrong == flaws == []
    assert project.states() == {"quarantined": 4}


def sign_in(page: Any, hub: str, path: str, name: str, password: str) -> None:
    """Come to a page as somebody unknown, and sign in there."""
    page.goto(hub + path)
    page.locator("input[name=name]").fill(name)
    page.locator("input[name=password]").fill(password)
    page.locator("main button").click()


def sign(page: Any, action: str, name: str, password: str) -> Any:
    """Fill in name and password of the form that is sent to such an address; give the form."""
    form = page.locator(f"form[action*='{action}']")
    form.locator("input[name=user]").fill(name)
    form.locator("input[name=password]").fill(password)
    return form


def test_without_script_two_people_repair_a_record(chromium: Any, project: Project) -> None:
    key = project.put(1, 60, ho_ten=BAD_NAME)
    project.pass_through()
    (version,) = project.servers.query("select id from quarantine.version where key = %s", key)[0]
    people = [user(project, name) for name in ("Lan", "Minh")]
    path = f"/record/version/{version}?lang=en"
    wrongs: list[str] = []
    settings = settings_of(project)
    with attended(settings), served(create_pages(settings)) as hub:
        for (name, password), act in zip(people, ("propose", "approve"), strict=True):
            with opened(chromium, java_script_enabled=False) as (page, wrong):
                sign_in(page, hub, path, name, password)
                form = sign(page, f"/{act}", name, password)
                if act == "propose":
                    form.locator("input[name=set_full_name]").fill("Lê Văn Sửa")
                    form.locator("input[name=reason]").fill("letter 12")
                    form.locator("input[name=password]").fill("x")
                    follow(page, form.locator("button"))
                    assert page.locator("[role=alert]:focus").count() == 1, "who was refused is at the reason"
                    for kept, value in (
                        ("set_full_name", "Lê Văn Sửa"),
                        ("reason", "letter 12"),
                        ("user", name),
                    ):
                        assert form.locator(f"input[name={kept}]").input_value() == value
                    form.locator("input[name=password]").fill(password)
                follow(page, form.locator("button"))
                over(page)
                said = page.inner_text("main")
                assert (
                    "Another person has to approve it." if act == "propose" else "1 passed, 0 stayed"
                ) in said
                wrongs += [
                    one for one in wrong if "401" not in one and "422" not in one
                ]  # the first page that somebody unknown sees, and the form that is refused
    assert wrongs == []
    assert project.states() == {"shared": 1}
