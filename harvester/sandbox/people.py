"""Who is who in the simulated RetroAchievements: names, ULIDs and who may take which name."""

from collections.abc import Iterator
from hashlib import blake2b

from harvester.sandbox.records import User

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def ulid_of(number: int) -> str:
    """Make the ULID of the so many-th user; the same one in every run."""
    bits = int.from_bytes(blake2b(b"user %d" % number, digest_size=16).digest())
    return "".join(CROCKFORD[bits >> shift & 31] for shift in range(125, -1, -5))


class People:
    """All users, found by ULID, by present name or by the name they signed up with."""

    def __init__(self) -> None:
        self._by_ulid: dict[str, User] = {}
        self._by_name: dict[str, User] = {}

    def __iter__(self) -> Iterator[User]:
        return iter(self._by_ulid.values())

    def __getitem__(self, ulid: str) -> User:
        return self._by_ulid[ulid]

    def add(self, name: str, ulid: str | None) -> User:
        """Sign somebody up; raises `ValueError` if the name or the ULID is taken."""
        user = User(ulid or ulid_of(len(self._by_ulid) + 1), name, name)
        if user.ulid in self._by_ulid:
            raise ValueError(f"ULID {user.ulid} is taken")
        self._claim(name, user)
        self._by_ulid[user.ulid] = user
        return user

    def rename(self, user: User, name: str) -> None:
        """Give a new name; the abandoned one is free for others unless it is the original."""
        self._claim(name, user)
        if user.name.lower() not in {user.original_name.lower(), name.lower()}:
            del self._by_name[user.name.lower()]
        user.name = name

    def find(self, identifier: str) -> User | None:
        """Look up a ULID or a name as RA does, letter case aside; deleted accounts included."""
        ulid = identifier.upper()
        return self._by_ulid.get(ulid) or self._by_name.get(identifier.lower())

    def _claim(self, name: str, user: User) -> None:
        if self._by_name.setdefault(name.lower(), user) is not user:
            raise ValueError(f"the name {name} is taken")
