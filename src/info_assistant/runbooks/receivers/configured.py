"""Which receivers there are, as the environment says; secrets come from nowhere else."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from info_assistant.runbooks.errors import NotConfigured
from info_assistant.runbooks.model import Runbook
from info_assistant.runbooks.receivers import jira, mail, pagerduty, slack, statuspage
from info_assistant.runbooks.receivers.http import WebService
from info_assistant.runbooks.receivers.port import Receiver
from info_assistant.runbooks.receivers.product import Product
from info_assistant.runbooks.receivers.static_page import StaticPage
from info_assistant.runbooks.receivers.webhook import Webhook
from info_assistant.runbooks.telling.people import Directory, PagerDutyRota

_PAGERDUTY_API = "https://api.pagerduty.com"
_KNOWN = ("slack", "statuspage", "pagerduty", "webhook", "mail", "jira", "product", "page")


@dataclass(frozen=True, slots=True)
class Setup:
    """Who can be told, and who is behind the runbook's handles."""

    receivers: Mapping[str, Receiver] = field(default_factory=dict)
    directory: Directory = field(default_factory=Directory)

    @property
    def missing(self) -> list[str]:
        """The names of receivers that are not set up."""
        return [name for name in _KNOWN if name not in self.receivers]


def setup_of(variables: Mapping[str, str], folder: Path, runbook: Runbook | None = None) -> Setup:
    """Return the receivers that are set up. Raises NotConfigured.

    `folder` is where who was on call last is remembered; the runbook names the channel of Slack
    where no variable does.
    """
    given = variables.get("INCIDENT_PEOPLE")
    directory = Directory(Path(given) if given else None, _rota(variables, folder))
    found: list[Receiver] = [
        *_pagerduty(variables),
        *_slack(variables, directory, runbook),
        *_statuspage(variables),
        *_webhook(variables),
        *_mail(variables, directory),
        *_jira(variables),
        *_product(variables),
        *_page(variables),
    ]
    return Setup({each.name: each for each in found}, directory)


def channel_of(runbook: Runbook | None) -> str:
    """Return the channel that a runbook names, such as #pubsec-incidents."""
    for section in runbook.all_sections() if runbook else ():
        for name, value in section.facts.items():
            if "slack" in name.lower() and value.startswith("#"):
                return value.split()[0]
    return ""


def _rota(variables: Mapping[str, str], folder: Path) -> PagerDutyRota | None:
    token, schedule = variables.get("PAGERDUTY_API_TOKEN"), variables.get("PAGERDUTY_SCHEDULE")
    if not token or not schedule:
        return None
    url = variables.get("PAGERDUTY_API_URL") or _PAGERDUTY_API
    service = WebService("PagerDuty", url, {"authorization": f"Token token={token}"}, timeout_s=3)
    return PagerDutyRota(service, schedule, folder / "on-call.json")


def _slack(
    variables: Mapping[str, str], directory: Directory, runbook: Runbook | None
) -> list[Receiver]:
    token = variables.get("SLACK_BOT_TOKEN")
    channel = variables.get("INCIDENT_SLACK_CHANNEL") or channel_of(runbook)
    if not token or not channel:
        return []
    url = variables.get("SLACK_API_URL") or slack.SLACK
    service = WebService("Slack", url, {"authorization": f"Bearer {token}"})
    return [slack.Slack(service, channel, directory.slack_ids)]


def _statuspage(variables: Mapping[str, str]) -> list[Receiver]:
    token, page = variables.get("STATUSPAGE_TOKEN"), variables.get("STATUSPAGE_PAGE")
    if not token or not page:
        return []
    url = variables.get("STATUSPAGE_API_URL") or statuspage.STATUSPAGE
    components = [each for each in variables.get("STATUSPAGE_COMPONENTS", "").split(",") if each]
    service = WebService("Statuspage", url, {"authorization": f"OAuth {token}"})
    return [statuspage.Statuspage(service, page, components)]


def _pagerduty(variables: Mapping[str, str]) -> list[Receiver]:
    default = variables.get("PAGERDUTY_ROUTING_KEY")
    if not default:
        return []
    routing = {"": default}
    prefix = "PAGERDUTY_ROUTING_KEY_"
    for name, value in variables.items():
        if name.startswith(prefix) and value:
            routing[f"@{name.removeprefix(prefix).lower().replace('_', '-')}"] = value
    url = variables.get("PAGERDUTY_EVENTS_URL") or pagerduty.EVENTS
    return [pagerduty.PagerDuty(WebService("PagerDuty", url, {}), routing)]


def _webhook(variables: Mapping[str, str]) -> list[Receiver]:
    url, token = variables.get("INCIDENT_WEBHOOK_URL"), variables.get("INCIDENT_WEBHOOK_TOKEN")
    if not url:
        return []
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return [Webhook(WebService("The webhook", url, headers))]


def _mail(variables: Mapping[str, str], directory: Directory) -> list[Receiver]:
    url, sender = variables.get("SMTP_URL"), variables.get("INCIDENT_MAIL_FROM")
    if not url:
        return []
    if not sender:
        raise NotConfigured("SMTP_URL is set, but not INCIDENT_MAIL_FROM: who writes the mails?")
    always = [each.strip() for each in variables.get("INCIDENT_MAIL_TO", "").split(",")]
    server = mail.mail_server(url)
    return [mail.Mail(server, sender, list(filter(None, always)), directory.addresses)]


def _jira(variables: Mapping[str, str]) -> list[Receiver]:
    url, project = variables.get("JIRA_URL"), variables.get("JIRA_PROJECT")
    token = variables.get("JIRA_TOKEN")
    if not url or not project or not token:
        return []
    user = variables.get("JIRA_USER")
    sign_in = f"Basic {_basic(user, token)}" if user else f"Bearer {token}"
    return [jira.Jira(WebService("Jira", url, {"authorization": sign_in}), project)]


def _basic(user: str, token: str) -> str:
    return base64.b64encode(f"{user}:{token}".encode()).decode()


def _product(variables: Mapping[str, str]) -> list[Receiver]:
    url, key = variables.get("BACKEND_URL"), variables.get("INCIDENT_BACKEND_KEY")
    if not url:
        return []
    headers = {"authorization": f"Bearer {key}"} if key else {}
    return [Product(WebService("The backend", url, headers))]


def _page(variables: Mapping[str, str]) -> list[Receiver]:
    folder = variables.get("INCIDENT_STATUS_DIR")
    return [StaticPage(Path(folder))] if folder else []
