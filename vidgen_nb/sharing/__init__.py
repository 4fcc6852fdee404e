"""Clips for somebody else: a zip of clips, posters, recipes and inputs, from which a shared notebook replays anywhere.

vidgen.json                     {"format": 1}
clips/<date>_<id>.json          a recipe without owner, secrets and queries of URLs; it names its files and hashes
clips/<date>_<id>.mp4, .jpg     the clip and its poster
inputs/<sha256>.<ext>           reference media which were given as data
"""
