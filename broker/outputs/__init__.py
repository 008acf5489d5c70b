"""Outcomes as messages: one module for each convention that subscribers expect."""

from broker.outputs import elasticc, starsieve
from broker.outputs.message import Encoder

#: To add a convention: a module with an Encoder, and its line here.
ENCODERS: dict[str, Encoder] = {"starsieve": starsieve.encode, "elasticc": elasticc.encode}
