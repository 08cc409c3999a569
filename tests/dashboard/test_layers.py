"""What a view's styles say holds against what plain elements look like, whichever file the browser reads first."""

from collections.abc import Callable

from playwright.sync_api import Page

_LAYERS = """
() => [...new Set([...document.styleSheets].flatMap((sheet) => [...sheet.cssRules]).flatMap((rule) =>
  rule instanceof CSSLayerStatementRule ? [...rule.nameList] : rule instanceof CSSLayerBlockRule ? [rule.name] : []))]
"""


def test_layers_are_first_named_in_their_order(visit: Callable[..., Page]) -> None:
    assert visit("/").evaluate(_LAYERS) == ["tokens", "base", "parts", "views"]
