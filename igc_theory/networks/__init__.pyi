from .published import PublishedTable as PublishedTable
from .published import published as published
from .published import published_tables as published_tables
