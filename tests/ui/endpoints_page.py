"""The tab of systems that are told, by itself."""

from app.ui import endpoints, identity

endpoints.section(identity.me())
