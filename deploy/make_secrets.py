"""Make the secrets that docker-compose.yml hands to the containers: random, one file each, in deploy/secrets.

`python3 deploy/make_secrets.py [folder]`. What is there stays as it is, so it is safe to repeat. The folder is closed
to everybody but its owner; the files in it are readable, because Docker mounts each alone, with its mode, into
containers that run as other users. Standard library alone: it runs before anything is installed.
"""

import base64
import json
import os
import secrets
import sys
from pathlib import Path

SERVICES = ("trade_capture", "compliance", "settlement", "ledger", "hr")
KAFKA_USERS = (*SERVICES, "front_office", "counterparties", "csd", "operator", "monitoring")
ROLES = ("front-office", "operations", "finance", "compliance-officer", "hr", "auditor", "sre")
WHOLE_FIRM = "whole-firm"  # Keycloak's role of who is limited to no part of it
PEOPLE_PER_ROLE = 2  # four eyes need two people of one role
LIMITS = {"entities": "[A-Z0-9]{18}[0-9]{2}", "books": "[^\\x00-\\x1f\\x7f]{1,140}"}
"""Claims that limit a token to a part of the firm, and what each of their values looks like."""

EVERYBODY = {
    "aud": ("oidc-audience-mapper", {"included.custom.audience": "backoffice"}),
    "roles": ("oidc-usermodel-realm-role-mapper", {"claim.name": "roles", "multivalued": "true"}),
}
"""What Keycloak says in every token: for whom it is meant, and the bearer's roles."""


def keep(path: Path, value: str) -> str:
    """Write a secret unless there is one already; return the one that holds."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444)
    except FileExistsError:
        return path.read_text()
    with os.fdopen(descriptor, "w") as handle:
        os.fchmod(descriptor, 0o444)
        handle.write(value)
    return value


def url(role: str, password: str, database: str) -> str:
    """Return a database's URL inside the Compose network. The password is URL-safe by its making."""
    return f"postgresql://{role}:{password}@postgres:5432/{database}"


def jaas(password: str) -> str:
    """Return the brokers' JAAS file: how the administrator, which is what brokers are to one another, signs in by
    PLAIN, and that all others are known by what SCRAM they were given.
    """
    plain = "org.apache.kafka.common.security.plain.PlainLoginModule required"
    administrator = f'{plain} username="admin" password="{password}" user_admin="{password}";'
    others = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    sections = {
        "internal.KafkaServer": administrator,
        "controller.KafkaServer": administrator,
        "KafkaServer": others,
    }
    return "".join(f"{name} {{\n    {module}\n}};\n" for name, module in sections.items())


def clients() -> str:
    """Return the local issuer's clients: two people of each role, each with a secret of their own."""
    people = [(role, f"{role}-{person}") for role in ROLES for person in range(1, PEOPLE_PER_ROLE + 1)]
    found = {
        name: {"secret": secrets.token_urlsafe(32), "subject": name, "roles": [role]} for role, name in people
    }
    return json.dumps(found, indent=1)


def realm(known: str) -> str:
    """Return Keycloak's realm: the local issuer's clients and secrets, and tokens that say the same of them.

    People are added by Keycloak's administrators, and sign in by the client `people`.
    """
    people = json.loads(known)
    return json.dumps(
        {
            "realm": "backoffice",
            "enabled": True,
            "accessTokenLifespan": 900,
            "roles": {"realm": [{"name": role} for role in (*ROLES, WHOLE_FIRM)]},
            "clients": [client_of_people(), *(client(name, person) for name, person in people.items())],
            "users": [
                {
                    "username": f"service-account-{name}",
                    "enabled": True,
                    "serviceAccountClientId": name,
                    "realmRoles": [*person["roles"], *([] if is_limited(person) else [WHOLE_FIRM])],
                }
                for name, person in people.items()
            ],
            "components": {
                "org.keycloak.userprofile.UserProfileProvider": [
                    {
                        "providerId": "declarative-user-profile",
                        "config": {"kc.user.profile.config": [json.dumps(user_profile())]},
                    }
                ]
            },
        },
        indent=1,
    )


def is_limited(person: dict[str, object]) -> bool:
    """Tell whether a client's tokens are for a part of the firm."""
    return any(limit in person for limit in LIMITS)


def client(name: str, person: dict[str, object]) -> dict[str, object]:
    """Return one client of the realm; it has the client credentials grant and no other.

    What it is limited to, if to anything, is said in its tokens as the local issuer says it: lists.
    """
    subject = ("oidc-hardcoded-claim-mapper", {"claim.name": "sub", "claim.value": person["subject"]})
    limits = {
        limit: (
            "oidc-hardcoded-claim-mapper",
            {"claim.name": limit, "claim.value": json.dumps(person[limit]), "jsonType.label": "JSON"},
        )
        for limit in LIMITS
        if limit in person
    }
    return {
        "clientId": name,
        "secret": person["secret"],
        "publicClient": False,
        "serviceAccountsEnabled": True,
        "standardFlowEnabled": False,
        "directAccessGrantsEnabled": False,
        "defaultClientScopes": [],
        "optionalClientScopes": [],
        "protocolMappers": mappers({"sub": subject, **EVERYBODY, **limits}),
    }


def client_of_people() -> dict[str, object]:
    """Return the client by which people sign in with an application on their own machine: authorization code with
    PKCE, and back to loopback (RFC 8252). Tokens say who they are, their roles, and their limits if they have any.
    """
    limits = {
        limit: (
            "oidc-usermodel-attribute-mapper",
            {"claim.name": limit, "user.attribute": limit, "multivalued": "true"},
        )
        for limit in LIMITS
    }
    return {
        "clientId": "people",
        "publicClient": True,
        "standardFlowEnabled": True,
        "directAccessGrantsEnabled": False,
        "redirectUris": ["http://127.0.0.1/*"],  # of any port
        "attributes": {"pkce.code.challenge.method": "S256"},
        "defaultClientScopes": [],
        "optionalClientScopes": [],
        "protocolMappers": mappers({"sub": ("oidc-sub-mapper", {}), **EVERYBODY, **limits}),
    }


def mappers(claims: dict[str, tuple[str, dict[str, object]]]) -> list[dict[str, object]]:
    """Return the protocol mappers that put claims into access tokens."""
    return [
        {
            "name": claim,
            "protocol": "openid-connect",
            "protocolMapper": mapper,
            "config": {"access.token.claim": "true", "jsonType.label": "String", **config},
        }
        for claim, (mapper, config) in claims.items()
    ]


def user_profile() -> dict[str, object]:
    """Return what Keycloak keeps of a person. An attribute that is not declared it drops without a word; what limits
    somebody only administrators see and edit.
    """
    everybody = {"view": ["admin", "user"], "edit": ["admin", "user"]}
    administrators = {"view": ["admin"], "edit": ["admin"]}
    names = ("username", "email", "firstName", "lastName")
    return {
        "attributes": [
            *({"name": name, "displayName": f"${{{name}}}", "permissions": everybody} for name in names),
            *(
                {
                    "name": limit,
                    "displayName": f"Limited to these {limit}",
                    "permissions": administrators,
                    "multivalued": True,
                    "validations": {
                        "pattern": {"pattern": form, "error-message": f"names none of the {limit}"}
                    },
                }
                for limit, form in LIMITS.items()
            ),
        ]
    }


def key_ring() -> str:
    """Return a new ring of one key, as services read it."""
    return f"1:{base64.b64encode(secrets.token_bytes(32)).decode()}"


def main() -> None:
    """Make what is missing."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "secrets"
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    password = keep(folder / "postgres_password", secrets.token_urlsafe(32))
    keep(folder / "admin_database_url", url("postgres", password, "postgres"))
    for service in SERVICES:
        for role, url_name in (
            (service, f"{service}_database_url"),
            (f"{service}_owner", f"{service}_owner_database_url"),
        ):
            password = keep(folder / f"{role}_password", secrets.token_urlsafe(32))
            keep(folder / url_name, url(role, password, service))
        keep(folder / f"{service}_audit_key", base64.b64encode(secrets.token_bytes(32)).decode())
        keep(folder / f"{service}_field_keys", key_ring())
    keep(folder / "event_keys", key_ring())
    for user in KAFKA_USERS:
        keep(folder / f"kafka_{user}_password", secrets.token_urlsafe(32))
    keep(folder / "kafka_jaas", jaas(keep(folder / "kafka_admin_password", secrets.token_urlsafe(32))))
    keep(folder / "keycloak_realm", realm(keep(folder / "issuer_clients", clients())))
    keep(folder / "monitoring_password", secrets.token_urlsafe(32))
    keep(folder / "grafana_password", secrets.token_urlsafe(32))


if __name__ == "__main__":
    main()
