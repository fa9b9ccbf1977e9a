"""Reports in Chromium: no error, no request, nothing wider than the screen, and text that stands
out from its ground, on narrow and wide screens, light and dark.
"""

import numpy as np
import polars as pl
import pytest
from browser import CHROMIUM, Browser

from chainrule import train
from chainrule.train.report import page

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: make browser")
WIDTHS, SCHEMES = (400, 1400), ("light", "dark")

# Elements that reach beyond the screen, but for those in a box that scrolls.
WIDE = """[...document.body.querySelectorAll('*')]
    .filter(e => !e.closest('.wide') && e.getBoundingClientRect().right > innerWidth + 0.5)
    .map(e => e.outerHTML.slice(0, 80))"""

# Texts whose contrast with their ground is below 4.5 (WCAG 2.1, AA), with the contrast. Grounds may
# be translucent: they are laid over each other.
FAINT = """(() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const numbers = color => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const over = (top, below) => {
    const a = top[3] / 255;
    return [0, 1, 2].map(i => a * top[i] + (1 - a) * below[i]).concat(255);
  };
  const ground = e => !e ? [255, 255, 255, 255]
    : over(numbers(getComputedStyle(e).backgroundColor), ground(e.parentElement));
  const light = c => [0.2126, 0.7152, 0.0722].reduce((sum, w, i) => {
    const s = c[i] / 255;
    return sum + w * (s <= 0.03928 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4);
  }, 0);
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode());) {
    const e = node.parentElement, drawn = e.closest('svg') && e.tagName === 'text';
    if (!node.data.trim() || ['title', 'desc', 'style'].includes(e.tagName)) continue;
    const style = getComputedStyle(e), below = ground(e.closest('svg') || e);
    const ink = over(numbers(drawn ? style.fill : style.color), below);
    const [a, b] = [light(ink), light(below)].sort((x, y) => y - x);
    const contrast = (a + 0.05) / (b + 0.05);
    if (contrast < 4.5) found.push([node.data.trim().slice(0, 40), contrast]);
  }
  return found;
})()"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    found = Browser(tmp_path_factory.mktemp("chromium"))
    yield found
    found.close()


def hostile():
    """Twenty classes, and names that are markup, long, or without a blank."""
    rows = np.arange(400)
    names = [f"{n} <b>&" + ("x" * 90 if n % 7 == 0 else " and so on" * (n % 5)) for n in range(20)]
    return pl.DataFrame(
        {
            "<script>alert(1)</script>": (rows * 37 % 101) / 7,
            "y" * 200: rows % 20 + 0.1 * (rows % 3),
            '"quoted" & so on': [f"v{n % 4}" * 30 for n in rows],
            "<i>": [names[n % 20] for n in rows],
        }
    )


@pytest.fixture(scope="module", params=["breast-cancer", "diabetes", "hostile"])
def report(request, tmp_path_factory):
    data = hostile() if request.param == "hostile" else request.param
    run = train.fit(data, epochs=8)
    folder = train.save(run, tmp_path_factory.mktemp("runs") / "run")
    return (folder / "report.html").as_uri()


def text(folder):
    """A run, and another text of markup, of characters that it has not seen."""
    (folder / "a.txt").write_text("<b>the sun</b> & the moon.\n" * 100)
    (folder / "b.txt").write_text("<script>alert(1)</script> & </pre> ж\n" * 20)
    run = train.fit(folder / "a.txt", steps=2, layers=1, width=16, context=16, batch_size=4)
    return run, folder / "b.txt"


@pytest.fixture(scope="module", params=["table", "text"])
def evaluated(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    if request.param == "text":
        run, data = text(folder)
    else:
        run, data = train.fit(hostile(), epochs=8), hostile()[:300]
    path = folder / "evaluated.html"
    path.write_text(page(train.evaluate(run, data)), encoding="utf-8")
    return path.as_uri()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_report_in_a_browser(browser, report, width, scheme):
    browser.open(report, width, scheme)
    assert browser.value("document.querySelectorAll('section').length") >= 10
    check(browser, report, width)


@pytest.mark.parametrize("width", WIDTHS)
def test_evaluation_in_a_browser(browser, evaluated, width):
    browser.open(evaluated, width)
    check(browser, evaluated, width)


def check(browser, report, width):
    assert browser.told("Log.entryAdded") == browser.told("Runtime.exceptionThrown") == []
    assert [one["request"]["url"] for one in browser.told("Network.requestWillBeSent")] == [report]
    assert browser.value("document.documentElement.scrollWidth") == width
    assert browser.value("document.querySelectorAll('details').forEach(e => e.open = true)") is None
    assert browser.value(WIDE) == []
    assert browser.value(FAINT) == []


def test_report_on_paper(browser, report):
    """A sheet of A4 is 794 pixels wide: nothing lies beyond it, and the paper stays white."""
    browser.open(report, 794, "dark")
    browser.ask("Emulation.setEmulatedMedia", media="print")
    assert browser.value("document.documentElement.scrollWidth") == 794
    ground = "getComputedStyle(document.body).backgroundColor"
    assert browser.value(ground) == "rgb(255, 255, 255)"
    assert browser.value(FAINT) == []
    browser.ask("Emulation.setEmulatedMedia", media="")


def test_ground_follows_the_scheme(browser, report):
    grounds = []
    for scheme in SCHEMES:
        browser.open(report, 1400, scheme)
        grounds.append(browser.value("getComputedStyle(document.body).backgroundColor"))
    assert grounds == ["rgb(247, 248, 249)", "rgb(20, 23, 26)"]


def test_every_drawing_says_what_it_shows(browser, report):
    browser.open(report, 1400)
    silent = "[...document.querySelectorAll('svg')].filter(e => !e.matches('[aria-hidden]') && "
    assert browser.value(f"{silent} !e.querySelector('title').textContent).length") == 0
    assert browser.value("document.querySelectorAll('svg').length") > 8


@pytest.mark.parametrize(
    ("spoil", "eyes"),
    [("e => e.style.color = '#8a8a8a'", FAINT), ("e => e.style.width = '2000px'", WIDE)],
)
def test_these_eyes_see(browser, report, spoil, eyes):
    browser.open(report, 400)
    browser.value(f"[...document.querySelectorAll('h2')].forEach({spoil})")
    assert len(browser.value(eyes)) >= 10
