"""Who is told about what broke and what was fixed: plan, deliver, one file a receiver kind."""

from collections.abc import Mapping

from alerts.receiver import OpenableSettings
from alerts.receivers.apprise_urls import AppriseSettings
from alerts.receivers.slack import SlackSettings
from alerts.receivers.slack_bot import SlackBotSettings
from alerts.receivers.smtp import SmtpSettings
from alerts.receivers.webhook import OutgoingWebhookSettings

RECEIVERS: Mapping[str, type[OpenableSettings]] = {
    "apprise": AppriseSettings,
    "slack": SlackSettings,
    "slack-bot": SlackBotSettings,
    "smtp": SmtpSettings,
    "webhook": OutgoingWebhookSettings,
}
