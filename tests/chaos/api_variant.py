"""`python -m tests.chaos.api_variant VARIANT --config … api`: the command with a known-bad variant in it."""

import sys

if __name__ == "__main__":
    from gevent import monkey

    monkey.patch_all()  # as the command itself does first of all, before anything opens a socket

    from cli.main import main
    from tests.chaos.variants import Variant, put_in

    put_in(Variant(sys.argv.pop(1)))
    main()
