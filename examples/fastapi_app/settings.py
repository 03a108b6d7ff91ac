"""What the app has to be told."""

from dataclasses import dataclass, field

SECRET_BYTES = 32


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of one app.

    Args:
        database_url: Where the conversations are kept, as your provider prints it.
        secret: Signs the cookie that tells one browser from another; at least 32 bytes.
        pace_seconds: The pause between two words of a scripted reply.
    """

    database_url: str = field(repr=False)
    secret: bytes = field(repr=False)
    pace_seconds: float = 0.03

    def __post_init__(self) -> None:
        """Refuse a secret that can be found by trying.

        Raises:
            ValueError: The secret is too short.
        """
        if len(self.secret) < SECRET_BYTES:
            raise ValueError(f"The secret that signs cookies needs at least {SECRET_BYTES} bytes.")
