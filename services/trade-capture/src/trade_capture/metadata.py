"""The one register of trade-capture's tables."""

from sqlalchemy import MetaData

metadata = MetaData()
