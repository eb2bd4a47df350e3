"""Stopping an evaluation on its way."""


class Stopped(Exception):
    pass


def stop_at(share):
    """A `progress` that stops when this share of the outcomes is done."""

    def progress(done, total):
        if done >= share * total:
            raise Stopped

    return progress
