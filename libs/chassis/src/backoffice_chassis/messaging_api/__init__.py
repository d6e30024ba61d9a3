"""/messaging: how a service's events fare, and what to do with those it could not take."""

from backoffice_chassis.messaging_api import dead_letters, lag, waiting

routers = (waiting.router, lag.router, dead_letters.router)
"""The routes that every service has."""
