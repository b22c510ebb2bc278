"""Every environment variable of the product, once: its name, its meaning and its default.

Only `wiring`, the command line and the evaluation read settings; everything else is handed
what it needs. A variable that is set to nothing counts as not set.
"""

from info_assistant.settings.installation import Settings, describe_variables
from info_assistant.settings.providers import ProviderSettings
from info_assistant.settings.values import LOCAL_KEY_NAME, Auth, redis_socket, redis_url

__all__ = [
    "LOCAL_KEY_NAME",
    "Auth",
    "ProviderSettings",
    "Settings",
    "describe_variables",
    "redis_socket",
    "redis_url",
]
