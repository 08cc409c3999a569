"""Who is told about what broke and what was fixed: plan, deliver, one file a receiver kind."""

from collections.abc import Mapping

from alerts.receiver import OpenableSettings
from alerts.slack import SlackSettings
from alerts.smtp import SmtpSettings

RECEIVERS: Mapping[str, type[OpenableSettings]] = {
    "slack": SlackSettings,
    "smtp": SmtpSettings,
}
