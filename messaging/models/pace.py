from __future__ import annotations

from django.db import models


class Pace(models.Model):
    """How far ahead the room at a limited rate is taken, for all workers on all hosts.

    A key is an account or an origin, as in `Stop.target`. A float, because both databases
    reckon with it in the one statement that takes the room.
    """

    key = models.CharField(max_length=40, unique=True)
    free_at = models.FloatField()  # seconds since 1970, by the database's clock

    class Meta:
        verbose_name = "pace"

    def __str__(self) -> str:
        return self.key
