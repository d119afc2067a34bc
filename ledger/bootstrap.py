"""What a new installation needs in its database, and what a supervisor tells it: synchronous, for process starts."""

import secrets
import uuid
from pathlib import Path

import psycopg
from argon2 import PasswordHasher

from ledger.seal import KeyRing, access_key_place
from ledger.voiding import FORGET_WORKER, VOID_WORKER

DOMAIN = "oms"
PROJECT = "default"
USER = "admin"

# Two processes that start at once must not both find nobody.
_LOCK = "SELECT pg_advisory_xact_lock(7105003)"
_ANYBODY = "SELECT 1 FROM principal LIMIT 1"
_ADD_DOMAIN = "INSERT INTO domain (id, name) VALUES (%(domain_id)s, %(domain_name)s)"
_ADD_PROJECT = """
INSERT INTO project (id, domain_id, name) VALUES (%(project_id)s, %(domain_id)s, %(project_name)s)"""
_ADD_USER = """
INSERT INTO principal (id, domain_id, name, password_hash, role)
VALUES (%(user_id)s, %(domain_id)s, %(user_name)s, %(password_hash)s, 'admin')"""
_ADD_KEY = """
INSERT INTO access_key (access_key, principal_id, sealed_secret, key_version)
VALUES (%(access_key)s, %(user_id)s, %(sealed)s, %(key_version)s)"""


def ensure_first_user(url: str, master_key_file: str) -> dict[str, str] | None:
    """Creates the first account, project, administrator and access key; None when there is a user already.

    The answer holds the only copy of the password and the secret key: `project_id, project_name, domain_id,
    domain_name, user_id, user_name, password, access_key, secret_key`.
    """
    ring = KeyRing.read(Path(master_key_file))
    with psycopg.connect(url) as connection:
        connection.execute(_LOCK)
        if connection.execute(_ANYBODY).fetchone() is not None:
            return None
        shown = _first_user()
        sealed = ring.seal(access_key_place(shown["access_key"]), shown["secret_key"].encode())
        hashed = PasswordHasher().hash(shown["password"])
        row = {
            **shown,
            "password_hash": hashed,
            "sealed": sealed.content,
            "key_version": sealed.key_version,
        }
        for statement in (_ADD_DOMAIN, _ADD_PROJECT, _ADD_USER, _ADD_KEY):
            connection.execute(statement, row)
        return shown


def void_worker(url: str, name: str) -> int:
    """The leases of a worker that is known to be dead are claimable at once; how many there were."""
    with psycopg.connect(url, connect_timeout=5) as connection:
        connection.execute(FORGET_WORKER, {"worker": name})
        row = connection.execute(VOID_WORKER, {"worker": name}).fetchone()
        return int(row[0]) if row else 0


def _first_user() -> dict[str, str]:
    return {
        "project_id": uuid.uuid4().hex,
        "project_name": PROJECT,
        "domain_id": uuid.uuid4().hex,
        "domain_name": DOMAIN,
        "user_id": uuid.uuid4().hex,
        "user_name": USER,
        "password": secrets.token_urlsafe(18),
        "access_key": secrets.token_hex(10).upper(),
        "secret_key": secrets.token_urlsafe(30),
    }
