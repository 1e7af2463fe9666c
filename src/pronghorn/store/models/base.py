"""What all tables share: named constraints (so that migrations can name them) and the common column types."""

from typing import Annotated, Any

from sqlalchemy import JSON, BigInteger, MetaData, String, Text
from sqlalchemy.orm import DeclarativeBase, mapped_column

Id = Annotated[str, mapped_column(String(40), primary_key=True)]
Name = Annotated[str, mapped_column(String(200))]
Nano = Annotated[int, mapped_column(BigInteger)]
"""Nano-dollars."""
Millis = Annotated[int, mapped_column(BigInteger)]
"""Unix time in milliseconds."""
Document = Annotated[dict[str, Any], mapped_column(JSON)]
Strings = Annotated[list[str], mapped_column(JSON)]
LongText = Annotated[str, mapped_column(Text)]


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
