"""A model of two servers and a journal, light enough for a hundred thousand histories.

Everything that is decided about mail is decided by the real `plan`; only servers, journal and the order of
the steps are modelled. `servers` and `journal` are the things, `world` is what happens to them and what must
never be, `run` carries one run out step by step, `history` lives through several, `tape` makes them up.
"""
