"""A QR code as a camera would see it on a screen: its pixels are read, by day and by night."""

from __future__ import annotations

import base64

import pytest
from playwright.sync_api import Page

from tests.browser.windows import Windows
from tests.qr_reader import Matrix, text_in, without_quiet_zone

pytestmark = pytest.mark.browser

# The brightness, from 0 to 255, in the middle of each of `size` times `size` squares of a picture.
BRIGHTNESS = """
async ([picture, size]) => {
  const image = Object.assign(new Image(), { src: picture });
  await image.decode();
  const { width, height } = image;
  const pen = Object.assign(document.createElement("canvas"), { width, height }).getContext("2d");
  pen.drawImage(image, 0, 0);
  const { data } = pen.getImageData(0, 0, width, height);
  const middle = (n, whole) => Math.floor((n + 0.5) * whole / size);
  const squares = [...Array(size).keys()];
  return squares.map((y) => squares.map((x) => {
    const place = 4 * (middle(y, height) * width + middle(x, width));
    return (data[place] + data[place + 1] + data[place + 2]) / 3;
  }));
}
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["wide", "phone"])
def test_the_link_of_an_invitation_can_be_scanned_from_the_screen(
    person: Windows, size: str, scheme: str
) -> None:
    ada = person("ada", size=size, scheme=scheme, device_scale_factor=2)
    ada.goto("/invites")
    ada.get_by_role("button", name="Make the link").click()

    shown = modules_on_screen(ada)

    link = ada.get_by_label("The link is ready").get_by_role("textbox").input_value()
    assert text_in(without_quiet_zone(shown)) == link


def modules_on_screen(page: Page) -> Matrix:
    code = page.get_by_role("img", name="The link as a picture")
    size = int((code.get_attribute("viewBox") or "").split()[2])
    # The outermost modules are left out: there are the frame and the round corners.
    picture = "data:image/png;base64," + base64.b64encode(code.screenshot()).decode()
    brightness: list[list[float]] = page.evaluate(BRIGHTNESS, [picture, size])
    rim = range(1, size - 1)
    assert {brightness[y][x] for y in rim for x in rim} == {0, 255}, (
        "there is something between dark and light"
    )
    return [
        [0 < y < size - 1 and 0 < x < size - 1 and brightness[y][x] < 128 for x in range(size)]
        for y in range(size)
    ]
