"""The second region: where it is, what leads readers there, and how old its data may be."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from info_assistant.environment import number_of, optional_url_of, wrong
from info_assistant.settings.variables import named

_ZONE = re.compile(r"[A-Z0-9]{5,32}")
_PLACEHOLDER = re.compile(r"Z?X{3,}")
_NAME = re.compile(r"(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+\.?")
_LONGEST_RPO = 60 * 24 * 31


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionSettings:
    """The second region: where it is, what leads readers there, and how old its data may be."""

    url: str = field(
        metadata=named(
            "SECOND_REGION_URL",
            "Where the backend of the second region answers by a name of its own, for "
            "`info-assistant failover`. Default: none; there is no second region.",
        )
    )
    record: str = field(
        metadata=named(
            "SECOND_REGION_RECORD",
            "The SetIdentifier of the weighted DNS records that lead to the second region.",
        )
    )
    backup_url: str = field(
        metadata=named(
            "SECOND_REGION_BACKUP_URL",
            "Where the second region finds backups: a file: URL or s3://bucket/prefix. Backups are "
            "shipped there.",
        )
    )
    backup_endpoint: str | None = field(
        metadata=named(
            "SECOND_REGION_S3_ENDPOINT", "Where the S3 of those backups is, if not at Amazon."
        )
    )
    backup_region: str = field(
        metadata=named(
            "SECOND_REGION_AWS_REGION",
            "The Amazon region of those backups. Default: AWS_REGION, as for everything else.",
        )
    )
    rpo_minutes: int = field(
        metadata=named(
            "SECOND_REGION_RPO_MINUTES",
            "How old the newest good backup there may be, in minutes, for readers to be led there "
            "without anybody saying that the loss is accepted. Default: 60.",
        )
    )
    zone: str = field(
        metadata=named("ROUTE53_ZONE_ID", "The hosted zone of the service's DNS names.")
    )
    names: tuple[str, ...] = field(
        metadata=named(
            "ROUTE53_RECORDS",
            "The DNS names that are led to one region or the other, with commas between them.",
        )
    )
    route53_endpoint: str | None = field(
        metadata=named(
            "AWS_ENDPOINT_URL_ROUTE_53",
            "Where Route 53 is, if not at Amazon. AWS_ENDPOINT_URL does not count for it.",
        )
    )

    @classmethod
    def read(cls, given: Mapping[str, str]) -> Self:
        """Read the variables. Raises Misconfigured naming variable and remedy."""
        return cls(
            url=optional_url_of(given, "SECOND_REGION_URL") or "",
            record=given.get("SECOND_REGION_RECORD", ""),
            backup_url=given.get("SECOND_REGION_BACKUP_URL", ""),
            backup_endpoint=optional_url_of(given, "SECOND_REGION_S3_ENDPOINT"),
            backup_region=given.get("SECOND_REGION_AWS_REGION", ""),
            rpo_minutes=number_of(
                given, "SECOND_REGION_RPO_MINUTES", 60, range(1, _LONGEST_RPO + 1)
            ),
            zone=_zone_of(given),
            names=_names_of(given),
            route53_endpoint=optional_url_of(given, "AWS_ENDPOINT_URL_ROUTE_53"),
        )

    @property
    def s3(self) -> Mapping[str, str]:
        """What object storage is told of the S3 with those backups."""
        told = {"endpoint": self.backup_endpoint, "region": self.backup_region}
        return {name: value for name, value in told.items() if value}


def _zone_of(given: Mapping[str, str]) -> str:
    zone = given.get("ROUTE53_ZONE_ID", "").removeprefix("/hostedzone/")
    if zone and (not _ZONE.fullmatch(zone) or _PLACEHOLDER.fullmatch(zone)):
        raise wrong(
            "ROUTE53_ZONE_ID",
            zone,
            "give the id of the hosted zone as `aws route53 list-hosted-zones` names it; ZXXXXX "
            "only stands for one",
        )
    return zone


def _names_of(given: Mapping[str, str]) -> tuple[str, ...]:
    names = tuple(
        name for part in given.get("ROUTE53_RECORDS", "").split(",") if (name := part.strip())
    )
    for name in names:
        if not _NAME.fullmatch(name):
            raise wrong("ROUTE53_RECORDS", name, "give DNS names such as assistant.example.org")
    return names
