"""The one MetaData of the service's tables."""

from sqlalchemy import MetaData

metadata = MetaData()
