"""PubSec Info Assistant: answers over an organisation's own documents, with checked citations."""

__version__ = "0.1.0"
