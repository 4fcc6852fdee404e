"""Pictures, clips and sounds: what a person gives, and what a finished clip shows.

    inputs.py    whatever stands for a reference medium → `records.Medium`; where its data are kept
    arrays.py    an array → a picture
    limits.py    a provider's documented limits, held against what was probed
    redact.py    JSON without media (for views) and without secrets (for the ledger)
    video.py     a clip on disk: facts, frames, poster
    mp4.py       whether an MP4 is whole
    formats.py   what a file is, by its first bytes
    files.py     a file is written whole or not at all

This package's own name loads none of them, so that whoever needs one does not pay for PyAV and PIL.
"""
