"""Outcomes as messages: one module for each convention that subscribers expect."""

from starsieve.broker.outputs import elasticc, starsieve
from starsieve.broker.outputs.message import Encoder

#: To add a convention: a module with an Encoder, and its line here.
ENCODERS: dict[str, Encoder] = {"starsieve": starsieve.encode, "elasticc": elasticc.encode}
