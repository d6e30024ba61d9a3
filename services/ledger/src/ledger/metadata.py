"""The one MetaData of the ledger's database."""

from sqlalchemy import MetaData

metadata = MetaData()
