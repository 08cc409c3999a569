"""The people, repositories, branches and titles that histories are written with, hostile ones included."""

from simulator.history import Person

PEOPLE = (
    Person(4100011, "ada-quill", "Ada Quill"),
    Person(4100029, "bjoern-a", "Björn Åkesson"),
    Person(4100047, "mei-lin", "林美玲"),
    Person(4100053, "yusuf0", "يوسف حداد"),
    Person(4100071, "o-brien", "Niamh O'Brien"),
    Person(4100089, "renovate-ng[bot]", "renovate-ng[bot]", is_bot=True),
)

TITLES = (
    "Retry the payment call once more before giving up",
    "Move the cart total into its own function",
    "Bump the http client from 3.1 to 3.2",
    "Say which field was wrong",
    "Remove the feature flag for the old search",
    "Fix the flaky clock test",
    "Cache the price list for a minute",
    "Öffnungszeiten: Umlaute richtig sortieren",
    "検索の並び順を直す 🚀",
    "إصلاح ترتيب النتائج",
)

HOSTILE_TITLES = (
    "<script>alert('title')</script> & <img src=x onerror=alert(1)>",
    "*bold* _it_ ~no~ `code` <!channel> <@U000> <http://example.invalid|click me>",
    "'; DROP TABLE builds; --",
    "{{7*7}} ${7*7} %s %n %(name)s {0}",
    '=HYPERLINK("http://example.invalid","sum")',
    "right-to-left \u202egnp.exe\u202c and zero\u200bwidth",
    "\x1b[31mred\x1b[0m in a terminal",
    "@everyone please look ../../etc/passwd",
    "a\u0301 combining, 👩\u200d👩\u200d👧 joined, ﷽ wide",
    "L" + "o" * 600 + "ng",
)

FEATURE_BRANCHES = (
    "feature/checkout-v2",
    "fix/rounding",
    "renovate/http-client-3.x",
    "feature/größe-prüfen",
    "支付/重试",
)

HOSTILE_BRANCHES = (
    'fix/<b>bold</b>&amp;"quotes"',
    "feature/'; DROP TABLE builds;--",
    "--force",
    "release/%2e%2e%2fmain",
    "🔥/🚒",
    "refs/heads/main",
)

OWNER = "lumen-shop"
OWNER_ID = 9100001

# (names from oldest to newest, is private, workflows as (name or None for "named by its path", file, jobs, later jobs))
WorkflowPlan = tuple[str | None, str, tuple[str, ...], tuple[str, ...]]

REPOSITORIES: tuple[tuple[tuple[str, ...], bool, tuple[WorkflowPlan, ...]], ...] = (
    (
        ("checkout",),
        False,
        (
            ("CI", "ci.yml", ("lint", "test (3.11)", "test (3.12)"), ("package",)),
            ("Deploy", "deploy.yml", ("build image",), ("roll out to staging", "roll out to production")),
            ("Nightly", "nightly.yml", ("end to end", "load"), ()),
            (None, "broken.yml", ("never",), ()),
        ),
    ),
    (
        ("storefront-web", "storefront"),
        False,
        (
            ("CI", "ci.yml", ("build", "unit", "browser (firefox)", "browser (chromium)"), ()),
            ("CI", "ci-windows.yml", ("build",), ()),
            ("Lint pull request titles", "titles.yaml", ("check the title",), ()),
        ),
    ),
    (
        ("ledger",),
        True,
        (
            ("Tests & <checks>", "tests.yml", ("unit", "property"), ("report",)),
            ("Release 🚢", "release.yml", ("build", "sign"), ("publish",)),
        ),
    ),
)
