"""What the private Postgres is told: a small server that nobody but its owner can reach (pure text)."""

from pathlib import Path

ROLE = "observatory"
DATABASE = "observatory"
SUPERUSER = "postgres"

LOCAL_SETTINGS = "local.conf"

_TUNING = """\
# Small when idle: this machine also runs the CI dashboard, not only its database.
shared_buffers = 64MB
max_connections = 60
work_mem = 8MB
maintenance_work_mem = 64MB
effective_cache_size = 1GB
max_worker_processes = 4
max_parallel_workers = 2
max_parallel_maintenance_workers = 1
max_logical_replication_workers = 0
max_wal_senders = 2
max_replication_slots = 2
autovacuum_max_workers = 2
jit = off
wal_compression = on
min_wal_size = 80MB
max_wal_size = 1GB
random_page_cost = 1.1
log_checkpoints = off
log_autovacuum_min_duration = -1
"""

_MUST = """\
# What must hold, whatever stands in {local}.
fsync = on
full_page_writes = on
autovacuum = on
listen_addresses = ''
unix_socket_permissions = 0700
timezone = 'UTC'
log_timezone = 'UTC'
log_destination = 'stderr'
logging_collector = off
log_line_prefix = '%m [%p] %a '
# Parameters are what providers and people wrote: they stay out of the log.
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
"""


def postgresql_conf(major: int, *, socket: Path, home: Path) -> str:
    """The server's whole configuration; an operator's own settings go to `local.conf` beside it."""
    tuning = _TUNING
    as_list_item = f'"{socket}"'  # the setting is a list, and a path may hold a comma
    if major >= 18:
        tuning += "io_method = sync\n"  # the I/O workers of 18 cost memory, and our reads are by index
    return (
        "# Written at every start; put your own settings into local.conf beside this file.\n"
        + tuning
        + f"include {_quoted(home / LOCAL_SETTINGS)}\n"
        + _MUST.format(local=LOCAL_SETTINGS)
        + f"unix_socket_directories = {_quoted(as_list_item)}\n"
        + f"hba_file = {_quoted(home / 'pg_hba.conf')}\n"
        + f"ident_file = {_quoted(home / 'pg_ident.conf')}\n"
    )


def pg_hba_conf() -> str:
    """Who may connect: over the socket only, and only operating-system accounts that pg_ident.conf names.

    `peer` asks the kernel who is at the other end. The socket's folder is 0700 as well, so nobody but root and the
    server's own account reaches it at all; but with `trust` a slip in one folder's mode would open the database to
    everybody on the machine, and with `peer` it opens it to nobody.
    """
    return "local all all peer map=owners\n"


def pg_ident_conf(accounts: set[str]) -> str:
    """Which accounts are which roles: our processes' account (root stays root there) and the server's."""
    lines = [f'owners "{name}" {role}' for name in sorted(accounts) for role in (ROLE, SUPERUSER)]
    return "\n".join(lines) + "\n"


def provisioning() -> str:
    """For single-user mode, a statement a line: our role is no superuser, owns its database and may make others."""
    return f"CREATE ROLE {ROLE} LOGIN CREATEDB\nGRANT pg_monitor TO {ROLE}\nCREATE DATABASE {DATABASE} OWNER {ROLE}\n"


def _quoted(value: Path | str) -> str:
    return "'" + str(value).replace("'", "''") + "'"
