"""A database and its users, as resources over PostgreSQL's own commands."""

from postgresql.address import address
from postgresql.claim import Claim
from postgresql.database import Database
from postgresql.password import Password
from postgresql.protection import Protection
from postgresql.read_rights import ReadRights
from postgresql.role import Role

__all__ = ['Claim', 'Database', 'Password', 'Protection', 'ReadRights', 'Role', 'address']
