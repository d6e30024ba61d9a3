"""The one catalogue that every table of the service is entered in."""

from sqlalchemy import MetaData

metadata = MetaData()
