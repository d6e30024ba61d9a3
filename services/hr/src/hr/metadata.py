"""The one register of hr's tables."""

from sqlalchemy import MetaData

metadata = MetaData()
