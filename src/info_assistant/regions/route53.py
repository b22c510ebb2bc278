"""Amazon Route 53 through boto3, which nothing else imports; the extra `route53` brings it.

Keys and profile come from the environment as for other AWS tools. AWS_ENDPOINT_URL is not heeded:
it says where S3 is, and Route 53 is not there.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from info_assistant.errors import (
    Conflict,
    Forbidden,
    InfoAssistantError,
    Misconfigured,
    NotFound,
    Unavailable,
)
from info_assistant.regions.records import RecordSet, dns_name

_INSTALL = (
    "Route 53 is reached through boto3, which is not installed here. Install it with: "
    "pip install 'info-assistant[route53]'"
)
_CONNECT_S, _READ_S, _TRIES = 5, 10, 3
_LOOK_EVERY_S, _SPREAD_S = 5, 300
_DENIED = {"AccessDenied", "AccessDeniedException", "InvalidClientTokenId", "SignatureDoesNotMatch"}
_BUSY = {"Throttling", "ThrottlingException", "PriorRequestNotComplete", "ServiceUnavailable"}


class Route53:
    """The weighted records of one hosted zone. Every method blocks: call it in a thread."""

    def __init__(self, zone: str, endpoint: str | None = None) -> None:
        """Reach the zone, at another address than Amazon's if one is given.

        Raises Misconfigured where boto3 is not installed.
        """
        try:
            import boto3  # noqa: PLC0415  An extra, and slow to import.
            from botocore.config import Config  # noqa: PLC0415  The same.
        except ImportError as error:
            raise Misconfigured(_INSTALL) from error
        self._zone = zone
        with _translated(zone):
            self._client: Any = boto3.client(
                "route53",
                # Route 53 has one endpoint for all regions, which takes this name in signatures.
                region_name="us-east-1",
                endpoint_url=endpoint,
                config=Config(
                    connect_timeout=_CONNECT_S,
                    read_timeout=_READ_S,
                    retries={"mode": "standard", "total_max_attempts": _TRIES},
                    ignore_configured_endpoint_urls=True,
                ),
            )

    def weighted(self, names: Sequence[str]) -> Sequence[RecordSet]:
        """Return the weighted records of these names. Raises NotFound for a name without any."""
        found: list[RecordSet] = []
        for name in names:
            of_name = [RecordSet(each) for each in self._listed(dns_name(name))]
            weighted = [each for each in of_name if "Weight" in each.fields]
            if not weighted:
                raise NotFound(
                    f"{name} has no weighted records in the zone {self._zone}, so nothing leads "
                    "readers to one region or the other. Create them first (docs/failover.md)."
                )
            found += weighted
        return tuple(found)

    def _listed(self, name: str) -> Iterator[Mapping[str, Any]]:
        """Yield the record sets of a name. They come in order, from the name asked for on."""
        with _translated(self._zone):
            pages = self._client.get_paginator("list_resource_record_sets").paginate(
                HostedZoneId=self._zone, StartRecordName=name
            )
            for page in pages:
                for each in page["ResourceRecordSets"]:
                    if dns_name(each["Name"]) != name:
                        return
                    yield each

    def change(self, records: Sequence[RecordSet], comment: str) -> str:
        """Set these records, all of them or none; return the change's name for `await_spread`."""
        changes = [
            {"Action": "UPSERT", "ResourceRecordSet": dict(record.fields)} for record in records
        ]
        with _translated(self._zone):
            reply = self._client.change_resource_record_sets(
                HostedZoneId=self._zone, ChangeBatch={"Comment": comment, "Changes": changes}
            )
        return str(reply["ChangeInfo"]["Id"])

    def await_spread(self, change: str) -> None:
        """Return once all of Amazon's name servers answer with the change. Raises Unavailable."""
        from botocore.exceptions import WaiterError  # noqa: PLC0415  As above.

        timing = {"Delay": _LOOK_EVERY_S, "MaxAttempts": _SPREAD_S // _LOOK_EVERY_S}
        try:
            with _translated(self._zone):
                waiter = self._client.get_waiter("resource_record_sets_changed")
                waiter.wait(Id=change, WaiterConfig=timing)
        except WaiterError as error:
            raise Unavailable(
                f"Route 53 has accepted the change, but not spread it within {_SPREAD_S} s. It "
                "will; watch it with: aws route53 wait resource-record-sets-changed --id "
                f"{change}"
            ) from error


@contextmanager
def _translated(zone: str) -> Iterator[None]:
    """Turn what boto3 raises into errors of our own."""
    from botocore.exceptions import (  # noqa: PLC0415  As above.
        BotoCoreError,
        ClientError,
        NoCredentialsError,
        WaiterError,
    )

    try:
        yield
    except NoCredentialsError as error:
        raise Misconfigured(
            "There are no keys for Amazon in the environment, so nothing was asked or changed. Set "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE."
        ) from error
    except ClientError as error:
        raise _refusal(error.response.get("Error", {}), zone) from error
    except WaiterError:
        raise
    except BotoCoreError as error:
        raise Unavailable(
            f"Route 53 does not answer ({type(error).__name__}), so it is not known what its "
            "records are now. Look with `info-assistant failover check`, then try again."
        ) from error


def _refusal(problem: Mapping[str, str], zone: str) -> InfoAssistantError:
    code, words = problem.get("Code", "unknown"), problem.get("Message", "")
    if code == "NoSuchHostedZone":
        return NotFound(f"There is no hosted zone {zone}. Correct ROUTE53_ZONE_ID.")
    if code in _DENIED:
        return Forbidden(
            f"Amazon refuses these keys for the zone {zone} ({code}: {words}). They need "
            "route53:ListResourceRecordSets, ChangeResourceRecordSets and GetChange."
        )
    if code in _BUSY:
        return Unavailable(
            f"Route 53 is busy ({code}), so nothing was changed. Try again in a minute.",
            retry_after_s=60,
        )
    return Conflict(f"Route 53 refused the request, and nothing was changed: {code}: {words}")
