"""What an installation is told about itself by its environment."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Self, cast, get_args
from urllib.parse import urlsplit

from info_assistant.environment import (
    LOOPBACK,
    SECRET_ADVICE,
    choice_of,
    number_of,
    port_of,
    refuse_well_known,
    secret_of,
    url_of,
    urls_of,
)
from info_assistant.errors import Misconfigured
from info_assistant.model.loopback import is_loopback
from info_assistant.model.mode import LONGEST_MESSAGE, ModeName
from info_assistant.settings.answering import AnsweringSettings
from info_assistant.settings.backup import BackupSettings
from info_assistant.settings.providers import ProviderSettings
from info_assistant.settings.region import RegionSettings
from info_assistant.settings.site import SiteSettings
from info_assistant.settings.spend import SpendSettings
from info_assistant.settings.values import (
    Auth,
    bind_address_of,
    data_dir_of,
    issuer_of,
    local_key_of,
    mode_of,
    needed_for_oidc,
    otlp_endpoint_of,
    redis_url,
    redis_urls_of,
    s3_endpoint_of,
)
from info_assistant.settings.variables import named

_RETENTION_DAYS = range(1, 36_501)
_LONGEST_DRAIN_S = 600


_MODES: Mapping[str, str] = {
    ModeName.LLM_PROVIDER: "The provider that composes answers: `auto` (default), `openai`, "
    "`anthropic` or `extractive`, which quotes the documents. `auto` is the first that is set up.",
    ModeName.CACHE_ONLY_MODE: "`true`: only answers given before are served. Default: false.",
    ModeName.REDIS_ENABLED: "`false`: no answer cache, and limits for each process alone. Default: "
    "true.",
    ModeName.MAINTENANCE_MODE: "`true`: the service is closed, but for probes, metrics and "
    "administration. Default: false.",
    ModeName.MAINTENANCE_MESSAGE: "What people read while it is closed; up to "
    f"{LONGEST_MESSAGE} characters.",
    ModeName.INGESTION_PAUSED: "`true`: no documents are taken in. Default: false.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an installation is told about itself."""

    data_dir: Path = field(
        metadata=named(
            "DATA_DIR",
            "Folder for everything that is kept: documents, the local Qdrant, logs. Default: "
            "`data` in a checkout, ~/.local/share/info-assistant for an installed package.",
        )
    )
    backend_port: int = field(
        metadata=named("BACKEND_PORT", "Port of the backend's API. Default: 8000.")
    )
    frontend_port: int = field(
        metadata=named("FRONTEND_PORT", "Port of the web page. Default: 8080.")
    )
    worker_port: int = field(
        metadata=named(
            "WORKER_PORT",
            "Port of the probes and metrics of `info-assistant worker`. Default: 8001.",
        )
    )
    backend_url: str = field(
        metadata=named(
            "BACKEND_URL",
            "Where the command line and the web page find the backend. Default: this machine, at "
            "BACKEND_PORT.",
        )
    )
    qdrant_url: str = field(
        metadata=named(
            "QDRANT_URL",
            "The vector store. Default: http://127.0.0.1:6333, which `up` starts.",
        )
    )
    qdrant_peers: tuple[str, ...] = field(
        metadata=named(
            "QDRANT_PEER_URLS",
            "Every peer of a Qdrant cluster, commas between them: where QDRANT_URL breaks or hangs "
            "they are asked, and each keeps snapshots of its own. Default: none.",
        )
    )
    qdrant_api_key: str | None = field(
        repr=False,
        metadata=named(
            "QDRANT_API_KEY",
            "Key for the vector store. Default: the content of DATA_DIR/qdrant-api-key, if `up` "
            "has made one; it is used for a Qdrant on this machine only.",
        ),
    )
    redis_urls: tuple[str, ...] = field(
        repr=False,
        metadata=named(
            "REDIS_URL",
            "Redis or Valkey: redis://host:6379, several with commas between them, of which the "
            "master is used. Default: the one that `up` starts on a socket in DATA_DIR; without "
            "any, limits are kept by each process alone.",
        ),
    )
    blob_url: str = field(
        metadata=named(
            "BLOB_URL",
            "Object storage for documents: a file: URL or s3://bucket/prefix. Default: "
            "DATA_DIR/objects.",
        )
    )
    s3_endpoint: str | None = field(
        metadata=named(
            "AWS_ENDPOINT_URL",
            "Where S3 is, if not at Amazon, such as http://minio:9000. Keys and region come from "
            "the environment as for other AWS tools (AWS_ACCESS_KEY_ID, …).",
        )
    )
    bind_host: str = field(
        metadata=named(
            "BIND_ADDRESS",
            "IP address that the backend and the web page listen on. Default: 127.0.0.1, which "
            "only this machine reaches. Another one, such as 0.0.0.0, needs AUTH.",
        )
    )
    auth: Auth = field(
        metadata=named(
            "AUTH",
            "How callers prove who they are. `none`, the default: whoever can reach this machine's "
            "loopback address is the operator. `keys`: API keys (`info-assistant keys`). `oidc`: "
            "people sign in with OpenID Connect, programs use API keys.",
        )
    )
    oidc_issuer: str = field(
        metadata=named(
            "OIDC_ISSUER",
            "The identity provider, exactly as its tokens name it in `iss`; https. For AUTH=oidc.",
        )
    )
    oidc_audience: str = field(
        metadata=named(
            "OIDC_AUDIENCE",
            "What access tokens for this service carry in `aud`. For AUTH=oidc.",
        )
    )
    oidc_client_id: str = field(
        metadata=named(
            "OIDC_CLIENT_ID",
            "The name of the web page at the identity provider. For AUTH=oidc.",
        )
    )
    oidc_client_secret: str | None = field(
        repr=False,
        metadata=named(
            "OIDC_CLIENT_SECRET",
            "The secret of the web page at the identity provider. Default: none, for a public "
            "client, which PKCE protects.",
        ),
    )
    oidc_scopes: str = field(
        metadata=named(
            "OIDC_SCOPES",
            "What the web page asks the identity provider for. Some providers, such as Entra ID, "
            "issue tokens for OIDC_AUDIENCE only if asked for a scope of it. Default: openid "
            "profile.",
        )
    )
    oidc_roles_claim: str = field(
        metadata=named(
            "OIDC_ROLES_CLAIM",
            "The claim with a person's roles; dots lead into nested claims, as in "
            "`realm_access.roles`. Default: roles.",
        )
    )
    oidc_groups_claim: str = field(
        metadata=named(
            "OIDC_GROUPS_CLAIM",
            "The claim with a person's access groups, named as OIDC_ROLES_CLAIM. Default: groups.",
        )
    )
    oidc_tenant_claim: str = field(
        metadata=named(
            "OIDC_TENANT_CLAIM",
            "The claim with a person's tenant, named as OIDC_ROLES_CLAIM. Default: none; everybody "
            "belongs to the tenant `default`.",
        )
    )
    session_secret: str | None = field(
        repr=False,
        metadata=named(
            "SESSION_SECRET",
            "What the web page encrypts its cookies with; at least 32 random characters, the same "
            "for all replicas. Needed by the web page unless AUTH=none.",
        ),
    )
    frontend_url: str = field(
        metadata=named(
            "FRONTEND_URL",
            "The address at which people reach the web page. Default: this machine, at "
            "FRONTEND_PORT.",
        )
    )
    api_key: str | None = field(
        repr=False,
        metadata=named(
            "API_KEY",
            "The API key (or token) that the command line sends to the backend. Default: none.",
        ),
    )
    ingestion_workers: int = field(
        metadata=named(
            "INGESTION_WORKERS",
            "How many documents a process takes in side by side, up to 32; 0 leaves that to other "
            "processes, such as `info-assistant worker`. Default: 1.",
        )
    )
    audit_retention_days: int = field(
        metadata=named(
            "AUDIT_RETENTION_DAYS", "How long the audit trail is kept, in days. Default: 365."
        )
    )
    answer_retention_days: int = field(
        metadata=named(
            "ANSWER_RETENTION_DAYS",
            "How long records of questions and answers are kept, in days. Default: 365.",
        )
    )
    spend: SpendSettings
    backup: BackupSettings
    drain_delay_s: int = field(
        metadata=named(
            "DRAIN_DELAY_SECONDS",
            "Seconds that a process told to stop goes on taking requests while it says that it is "
            "not ready, so that balancers notice; on Kubernetes 5. Default: 0.",
        )
    )
    drain_grace_s: int = field(
        metadata=named(
            "DRAIN_GRACE_SECONDS",
            "Seconds after that in which questions and streams are finished and the process ends. "
            "Default: 8; `up` sets its own, so that Ctrl-C ends all within 10 s.",
        )
    )
    answering: AnsweringSettings
    providers: ProviderSettings
    site: SiteSettings
    region: RegionSettings
    modes: Mapping[ModeName, str] = field(metadata=_MODES)
    otlp_endpoint: str = field(
        metadata=named(
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "A collector of traces that speaks OTLP over HTTP, such as http://collector:4318; the "
            "extra `tracing` is needed. Other variables of OpenTelemetry's OTLP exporter work too. "
            "Default: none; no traces are made.",
        )
    )
    log_level: str = field(
        metadata=named(
            "LOG_LEVEL",
            "The least important lines to log: DEBUG, INFO (default), WARNING or ERROR.",
        )
    )

    def require_page_sign_in(self) -> None:
        """Return if the web page has all it needs to sign people in. Raises Misconfigured."""
        if self.auth == "none":
            return
        if self.session_secret is None:
            raise Misconfigured(
                "SESSION_SECRET is not set, so the web page could not protect its cookies. "
                f"{SECRET_ADVICE}"
            )
        if self.auth == "oidc" and not self.oidc_client_id:
            raise Misconfigured(
                "OIDC_CLIENT_ID is not set, so nobody could sign in on the web page. Set it to the "
                "name under which the identity provider knows this page."
            )

    @property
    def frontend_is_local(self) -> bool:
        """Whether people reach the web page on this machine only."""
        return is_loopback(urlsplit(self.frontend_url).hostname)

    @property
    def s3(self) -> Mapping[str, str]:
        """What object storage is told of S3."""
        return {"endpoint": self.s3_endpoint} if self.s3_endpoint else {}

    @property
    def redis_is_local(self) -> bool:
        """Whether Redis is the one on this machine that `up` starts."""
        return self.redis_urls in {(), (redis_url(self.data_dir),)}

    @property
    def qdrant_is_local(self) -> bool:
        """Whether the vector store is the one on this machine that `up` starts."""
        return is_loopback(urlsplit(self.qdrant_url).hostname)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read the environment, or `environ`. Raises Misconfigured naming variable and remedy."""
        source = os.environ if environ is None else environ  # noqa: TID251  The one place.
        given = {name: value.strip() for name, value in source.items() if value.strip()}
        data_dir = data_dir_of(given)
        backend_port = port_of(given, "BACKEND_PORT", 8000)
        frontend_port = port_of(given, "FRONTEND_PORT", 8080)
        qdrant_url = url_of(given, "QDRANT_URL", f"http://{LOOPBACK}:6333")
        refuse_well_known(given, "QDRANT_API_KEY", "OIDC_CLIENT_SECRET", "API_KEY")
        auth = cast("Auth", choice_of(given, "AUTH", "none", get_args(Auth), str.lower))
        return cls(
            data_dir=data_dir,
            backend_port=backend_port,
            frontend_port=frontend_port,
            worker_port=port_of(given, "WORKER_PORT", 8001),
            backend_url=url_of(given, "BACKEND_URL", f"http://{LOOPBACK}:{backend_port}"),
            qdrant_url=qdrant_url,
            qdrant_peers=urls_of(given, "QDRANT_PEER_URLS"),
            qdrant_api_key=given.get("QDRANT_API_KEY") or local_key_of(qdrant_url, data_dir),
            redis_urls=redis_urls_of(given, data_dir),
            blob_url=given.get("BLOB_URL") or (data_dir / "objects").as_uri(),
            s3_endpoint=s3_endpoint_of(given),
            bind_host=bind_address_of(given, auth),
            auth=auth,
            oidc_issuer=issuer_of(given, auth),
            oidc_audience=needed_for_oidc(given, "OIDC_AUDIENCE", auth),
            oidc_client_id=given.get("OIDC_CLIENT_ID", ""),
            oidc_client_secret=given.get("OIDC_CLIENT_SECRET"),
            oidc_scopes=given.get("OIDC_SCOPES", "openid profile"),
            oidc_roles_claim=given.get("OIDC_ROLES_CLAIM", "roles"),
            oidc_groups_claim=given.get("OIDC_GROUPS_CLAIM", "groups"),
            oidc_tenant_claim=given.get("OIDC_TENANT_CLAIM", ""),
            session_secret=secret_of(given, "SESSION_SECRET"),
            frontend_url=url_of(given, "FRONTEND_URL", f"http://{LOOPBACK}:{frontend_port}"),
            api_key=given.get("API_KEY"),
            ingestion_workers=number_of(given, "INGESTION_WORKERS", 1, range(33)),
            audit_retention_days=number_of(given, "AUDIT_RETENTION_DAYS", 365, _RETENTION_DAYS),
            answer_retention_days=number_of(given, "ANSWER_RETENTION_DAYS", 365, _RETENTION_DAYS),
            spend=SpendSettings.read(given),
            backup=BackupSettings.read(given, data_dir),
            drain_delay_s=number_of(given, "DRAIN_DELAY_SECONDS", 0, range(_LONGEST_DRAIN_S + 1)),
            drain_grace_s=number_of(
                given, "DRAIN_GRACE_SECONDS", 8, range(1, _LONGEST_DRAIN_S + 1)
            ),
            answering=AnsweringSettings.read(given),
            providers=ProviderSettings.read(given),
            site=SiteSettings.read(given),
            region=RegionSettings.read(given),
            modes={name: mode_of(given, name) for name in ModeName if name in given},
            otlp_endpoint=otlp_endpoint_of(given),
            log_level=choice_of(
                given, "LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR"), str.upper
            ),
        )


def describe_variables() -> Mapping[str, str]:
    """Return each environment variable with what it means."""
    return dict(_described(Settings))


def _described(group: type) -> Iterator[tuple[str, str]]:
    """Yield the variables of a group of settings and of the groups in it."""
    for each in fields(group):
        if isinstance(each.type, type) and is_dataclass(each.type):
            yield from _described(each.type)
        yield from each.metadata.items()
